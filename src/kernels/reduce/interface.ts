/** Operands of a reduction, the part of a kernel that finds its values, and the parameters of a launch. */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { unroll } from '../../gpu/kernel.ts';
import type { Variant } from '../../gpu/variants.ts';
import { functionsOf, type Reduction } from './reductions.ts';

/** Neighbouring axes that are walked as one. */
export interface AxisGroup {
  readonly size: number;
  readonly stride: number;
  readonly reduced: boolean;
}

/** Neighbouring axes that are both kept or both reduced are walked as one; those of size 1 are left out. */
export function joinAxes(shape: readonly number[], axes: readonly number[]): AxisGroup[] {
  const groups: AxisGroup[] = [];
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    const reduced = axes.includes(axis);
    const inner = groups[0];
    if (size === 1) continue;
    if (inner?.reduced === reduced) groups[0] = { ...inner, size: size * inner.size };
    else groups.unshift({ size, stride, reduced });
    stride *= size;
  }
  return groups;
}

/** The comparison of a tensor's words. */
export interface Extreme {
  readonly of: 'u32' | 'i32' | 'f32';
  readonly smallest: boolean;
}

/** Buffers of a reduction. */
export interface ReduceViews {
  readonly x: BufferView;
  /** The kept axes in order. */
  readonly y: BufferView;
  /** f32 values of the shape of `y` that some reductions take. */
  readonly b?: BufferView;
  readonly c?: BufferView;
  readonly d?: BufferView;
}

/** Numbers of a reduction. */
export interface ReduceSettings {
  /** Of f32 sums; 1 unless given. */
  readonly divisor?: number;
  readonly extreme?: Extreme;
}

/** One pass of a reduction. */
export interface ReduceOptions {
  /** Name of the reduction. */
  readonly name: string;
  readonly reduction: Reduction;
  /** `y` gets the results, or, of more than one part, totals of the parts. */
  readonly views: ReduceViews;
  readonly groups: readonly AxisGroup[];
  readonly settings: ReduceSettings;
}

/** Values of a reduction, by what becomes of them. */
export interface ReduceSize {
  readonly kept: readonly AxisGroup[];
  readonly reduced: readonly AxisGroup[];
  /** Number of results, and of values for each. */
  readonly outputs: number;
  readonly length: number;
}

const product = (groups: readonly AxisGroup[]): number => groups.reduce((count, { size }) => count * size, 1);

/** Return the size of a pass. */
export function sizeOf(groups: readonly AxisGroup[]): ReduceSize {
  const kept = groups.filter((group) => !group.reduced);
  const reduced = groups.filter((group) => group.reduced);
  return { kept, reduced, outputs: product(kept), length: product(reduced) };
}

/** A kernel that reduces values in parts. */
export interface ReduceVariant extends Variant<ReduceOptions> {
  /** Return the number of parts of each result. */
  readonly parts: (device: Device, options: ReduceOptions) => number;
  /** Return the axes of the totals that it writes for this number of parts. */
  readonly totals: (options: ReduceOptions, parts: number) => readonly AxisGroup[];
}

/** Form of a kernel. */
export interface ReduceForm {
  readonly reduction: Reduction;
  /** Kept and reduced axes that the kernel walks. */
  readonly ranks: readonly [kept: number, reduced: number];
}

/** Return the form of a kernel. So many axes suffice for any tensor of rank 6: three groups of neighbours kept, or reduced. */
export function formOf({ reduction, groups }: ReduceOptions): ReduceForm {
  const { kept, reduced } = sizeOf(groups);
  return { reduction, ranks: [Math.max(3, kept.length), Math.max(1, reduced.length)] };
}

/** Return the parameters of a launch. */
export function paramsOf(options: ReduceOptions, parts: number): Record<string, number> {
  const { groups, settings } = options;
  const { kept, reduced, outputs, length } = sizeOf(groups);
  const { divisor = 1, extreme = { of: 'u32', smallest: false } } = settings;
  const params: Record<string, number> = {
    outputs,
    length,
    parts,
    divisor,
    last: parts === 1 ? 1 : 0,
    kind: ['u32', 'i32', 'f32'].indexOf(extreme.of),
    flip: extreme.smallest ? 0xffff_ffff : 0,
  };
  const { ranks } = formOf(options);
  const axis = (list: readonly AxisGroup[], rank: number, d: number) =>
    list[d - rank + list.length] ?? { size: 1, stride: 0 };
  for (let d = 0; d < ranks[0]; d++) {
    const { size, stride } = axis(kept, ranks[0], d);
    Object.assign(params, { [`keptSize${d}`]: size, [`keptStride${d}`]: stride });
  }
  for (let d = 0; d < ranks[1]; d++) {
    const { size, stride } = axis(reduced, ranks[1], d);
    Object.assign(params, { [`size${d}`]: size, [`stride${d}`]: stride });
  }
  return params;
}

/** Return what a launch binds. */
export const buffersOf = ({ x, b, c, d, y }: ReduceViews) => ({ values: x, bData: b, cData: c, dData: d, y });

/** Return declarations of a kernel, and WGSL around the walk over the values of `output`. */
export function reduceInterface({ reduction, ranks: [kept, reduced] }: ReduceForm) {
  const { read, total, load, combine, finish, when = '' } = reduction;
  const params: Record<string, 'u32' | 'f32'> = {
    outputs: 'u32',
    length: 'u32',
    parts: 'u32',
    divisor: 'f32',
  };
  Object.assign(params, { last: 'u32', kind: 'u32', flip: 'u32' });
  for (let d = 0; d < kept; d++) params[`keptSize${d}`] = params[`keptStride${d}`] = 'u32';
  for (let d = 0; d < reduced; d++) params[`size${d}`] = params[`stride${d}`] = 'u32';
  /** Adds to `to` where the place `from` lies on `count` axes; the outermost one needs no remainder. */
  const walk = (count: number, size: string, stride: string, from: string, to: string): string =>
    unroll(
      count,
      (k) =>
        k === count - 1
          ? `${to} += ${from} * params.${stride}0;`
          : `${to} += ${from} % params.${size}${count - 1 - k} * params.${stride}${count - 1 - k}; ${from} /= params.${size}${count - 1 - k};`,
      '\n    ',
    );
  const text = `${when} ${load} ${finish}`;
  const takes = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);
  const perOutput = ['b', 'c', 'd'].filter(takes);
  const pair = total.startsWith('vec2');
  const word = total.endsWith('u') || total === 'u32' ? 'u32' : 'f32';
  return {
    /** Tells kernels apart. */
    label: `${load}, ${combine}, ${finish}${when && ` when ${when}`} ${kept} ${reduced}`,
    params,
    reads: {
      values: `array<${read}>`,
      bData: takes('b') ? 'array<f32>' : undefined,
      cData: takes('c') ? 'array<f32>' : undefined,
      dData: takes('d') ? 'array<f32>' : undefined,
    },
    writes: { y: `array<${word}>` },
    functions: `${functionsOf(reduction)}
fn valueAt(${['i: u32', 'base: u32', ...perOutput.map((name) => `${name}: f32`)].join(', ')}) -> ${total} {
  var rest = i;
  var at = base;
  ${walk(reduced, 'size', 'stride', 'rest', 'at')}
  let x = values[at];
  return ${load};
}
fn combined(total: ${total}, v: ${total}) -> ${total} { return ${combine}; }`,
    /** Declares `base`, where the values of `output` begin, and the numbers of the output. */
    start: `${perOutput.map((name) => `let ${name} = ${name}Data[output];`).join('\n  ')}
  var index = output;
  var base = 0u;
  ${walk(kept, 'keptSize', 'keptStride', 'index', 'base')}`,
    /** Returns 0 instead of a number of values if there is nothing to do. */
    unlessDone: (count: string): string => (when ? `select(0, ${count}, ${when})` : count),
    value: (i: string): string => `valueAt(${[i, 'base', ...perOutput].join(', ')})`,
    /** Stores `total` as the result, or as the total of a part, in place `id`. */
    store: pair
      ? `if (params.last == 1) { y[id] = ${finish}; } else { y[2 * id] = total.x; y[2 * id + 1] = total.y; }`
      : `if (params.last == 1) { y[id] = ${finish}; } else { y[id] = total; }`,
  };
}
