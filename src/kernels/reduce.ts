/**
 * Reductions over any axes, one row of a table each. The kept axes number the outputs, the reduced ones are walked by one
 * thread in parts of `PART` values (see cascade.ts); where there is more than one part, another pass takes in the parts.
 * The order is fixed, so the bits are.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, unroll } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { cascade } from './cascade.ts';
import { RESCALED_SQUARES_WGSL, SQUARES_WGSL } from './squares.ts';

const LEVELS = 4;
/** Values that a thread takes in. */
const PART = 4 ** LEVELS;

type Total = 'f32' | 'u32' | 'vec2f' | 'vec2u';

interface Reduction {
  /** WGSL type of what is read, and of the running total. */
  readonly read: Total;
  readonly total: Total;
  readonly initial: string;
  /** Condition on the output's `b`, `c` and `d`; if false, the total stays `initial`. Default: true. */
  readonly when?: string;
  /** Contribution of an element, from its value `x`, its index `i` among the reduced ones, and the output's `b`, `c`, `d`. */
  readonly load: string;
  /** The `total` with the value `v` taken in. */
  readonly combine: string;
  /** The result, of `total` and the output's `b`, `c` and `d`. */
  readonly finish: string;
}

const SUM = {
  read: 'f32',
  total: 'f32',
  initial: '0.0',
  load: 'x',
  combine: 'total + v',
  finish: 'total / params.divisor',
} as const;
const EXTREME = {
  read: 'u32',
  total: 'u32',
  initial: '0u',
  load: 'keyOf(x)',
  combine: 'max(total, v)',
  finish: 'wordOf(total)',
} as const;

const TABLE = {
  sum: SUM,
  prod: { ...SUM, initial: '1.0', combine: 'total * v' },
  /** Integers wrap; the words of i32 and u32 do the same. */
  integerSum: { ...SUM, read: 'u32', total: 'u32', initial: '0u', finish: 'total' },
  integerProd: { ...SUM, read: 'u32', total: 'u32', initial: '1u', combine: 'total * v', finish: 'total' },
  /** For the gradients of a product and of an extreme value `b`. */
  prodOfNonzero: { ...SUM, initial: '1.0', load: 'select(x, 1.0, x == 0.0)', combine: 'total * v' },
  countZeros: { ...SUM, load: 'select(0.0, 1.0, x == 0.0)' },
  countEqual: { ...SUM, load: 'select(0.0, 1.0, x == b)' },
  /** Of deviations from b, and from b + c, which is a mean too precise for one number. */
  deviations: { ...SUM, load: 'x - b' },
  squaredDeviations: { ...SUM, load: '((x - b) - c) * ((x - b) - c)' },
  squares: { ...SUM, load: 'x * x' },
  /** The root of the sum of squares, which is b if f32 has it; else they are added up again, rescaled (see squares.ts). */
  norm: {
    ...SUM,
    when: '!fits(b)',
    load: 'rescaledSquare(x, b)',
    finish: 'rootOfMean(total, b, params.divisor)',
  },
  /** The same of squared deviations, whose sum is d. */
  deviation: {
    ...SUM,
    when: '!fits(d)',
    load: 'rescaledSquare((x - b) - c, d)',
    finish: 'rootOfMean(total, d, params.divisor)',
  },
  /** log Σ exp x, where b is the largest x; where that is not finite, it is the result. */
  logSumExp: {
    ...SUM,
    load: 'expBelow(x - finiteOr0(b))',
    finish: 'select(log(total) + b, b, !isFinite(b))',
  },
  /** Largest or smallest value of f32, i32 or u32, as `Extreme` says. */
  extreme: EXTREME,
  /** The place of its first occurrence. */
  argExtreme: {
    ...EXTREME,
    total: 'vec2u',
    initial: 'vec2u()',
    load: 'vec2u(keyOf(x), i)',
    combine: 'select(total, v, v.x > total.x)',
    finish: 'total.y',
  },
} as const satisfies Record<string, Reduction>;

export type ReductionName = keyof typeof TABLE;

/**
 * Values as u32 keys of the same order, reversed by \`params.flip\` to find the smallest. NaN stands above everything;
 * it is told by its bits, as WGSL promises nothing about comparing it. −0 counts as 0.
 */
const KEYS_WGSL = `
const NAN = 0xffffffffu;
fn keyOf(word: u32) -> u32 {
  var key = word;
  if (params.kind == 1) { key = word ^ 0x80000000u; }
  if (params.kind == 2) {
    if ((word & 0x7fffffffu) > 0x7f800000u) { return NAN; }
    key = select(word ^ select(0x80000000u, 0xffffffffu, word >= 0x80000000u), 0x80000000u, word == 0x80000000u);
  }
  return key ^ params.flip;
}
fn wordOf(key: u32) -> u32 {
  let word = key ^ params.flip;
  if (params.kind == 1) { return word ^ 0x80000000u; }
  if (params.kind == 0) { return word; }
  if (key == NAN) { return 0x7fc00000u; }
  return word ^ select(0xffffffffu, 0x80000000u, word >= 0x80000000u);
}`;

const EXPONENTIAL_WGSL = `
fn finiteOr0(x: f32) -> f32 { return select(0.0, x, isFinite(x)); }
// 0 below the smallest subnormal number, −∞ included, whatever exp makes of it.
fn expBelow(x: f32) -> f32 { return select(exp(x), 0.0, x < -104.0); }`;

interface Form {
  readonly reduction: Reduction;
  /** Kept and reduced axes that the kernel walks. */
  readonly ranks: readonly [kept: number, reduced: number];
}

const kernelOf = memoize(({ reduction, ranks: [kept, reduced] }: Form) => {
  const { read, total, initial, load, combine, finish, when = '' } = reduction;
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
  return defineKernel({
    name: `reduce ${load}, ${combine}, ${finish}${when && ` when ${when}`} ${kept} ${reduced}`,
    params,
    reads: {
      values: `array<${read}>`,
      bData: takes('b') ? 'array<f32>' : undefined,
      cData: takes('c') ? 'array<f32>' : undefined,
      dData: takes('d') ? 'array<f32>' : undefined,
    },
    writes: { y: `array<${word}>` },
    functions: `${/keyOf|wordOf/.test(text) ? KEYS_WGSL : ''}${/finite|fits/i.test(text) ? SQUARES_WGSL : ''}${/fits/.test(text) ? RESCALED_SQUARES_WGSL : ''}${/expBelow/.test(text) ? EXPONENTIAL_WGSL : ''}
fn valueAt(${['i: u32', 'base: u32', ...perOutput.map((name) => `${name}: f32`)].join(', ')}) -> ${total} {
  var rest = i;
  var at = base;
  ${walk(reduced, 'size', 'stride', 'rest', 'at')}
  let x = values[at];
  return ${load};
}
fn combined(total: ${total}, v: ${total}) -> ${total} { return ${combine}; }`,
    ...perElement(['outputs', 'parts'])`let part = id / params.outputs;
  let output = id % params.outputs;
  ${perOutput.map((name) => `let ${name} = ${name}Data[output];`).join('\n  ')}
  var index = output;
  var base = 0u;
  ${walk(kept, 'keptSize', 'keptStride', 'index', 'base')}
  let end = ${when ? `select(0, min((part + 1) * ${PART}, params.length), ${when})` : `min((part + 1) * ${PART}, params.length)`};
  ${cascade({
    totals: { total: initial },
    value: (_, i) => `valueAt(${[i, 'base', ...perOutput].join(', ')})`,
    from: `part * ${PART}`,
    to: 'end',
    levels: LEVELS,
    combine: (a, b) => `combined(${a}, ${b})`,
  })}
  ${
    pair
      ? `if (params.last == 1) { y[id] = ${finish}; } else { y[2 * id] = total.x; y[2 * id + 1] = total.y; }`
      : `if (params.last == 1) { y[id] = ${finish}; } else { y[id] = total; }`
  }`,
  });
});

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

export interface ReduceViews {
  readonly x: BufferView;
  /** The kept axes in order. */
  readonly y: BufferView;
  /** f32 values of the shape of `y` that some reductions take. */
  readonly b?: BufferView;
  readonly c?: BufferView;
  readonly d?: BufferView;
}

export interface ReduceSettings {
  /** Of f32 sums; 1 unless given. */
  readonly divisor?: number;
  readonly extreme?: Extreme;
}

/** y = the reduction of x over `axes` of `shape`. */
export function reduceAxes(
  device: Device,
  name: ReductionName,
  views: ReduceViews,
  shape: readonly number[],
  axes: readonly number[],
  settings: ReduceSettings = {},
): void {
  reduce(device, TABLE[name], views, joinAxes(shape, axes), settings);
}

const sizeOf = (groups: readonly AxisGroup[]): number =>
  groups.reduce((product, { size }) => product * size, 1);

function reduce(
  device: Device,
  reduction: Reduction,
  views: ReduceViews,
  groups: readonly AxisGroup[],
  settings: ReduceSettings,
): void {
  const kept = groups.filter((group) => !group.reduced);
  const reduced = groups.filter((group) => group.reduced);
  const [outputs, length] = [sizeOf(kept), sizeOf(reduced)];
  if (outputs === 0) return;
  const parts = Math.max(1, Math.ceil(length / PART));
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
  // So many axes suffice for any tensor of rank 6: three groups of neighbours kept, or reduced.
  const ranks = [Math.max(3, kept.length), Math.max(1, reduced.length)] as const;
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
  const { total } = reduction;
  const words = total.startsWith('vec2') ? 2 : 1;
  const y = parts === 1 ? views.y : device.allocate(outputs * parts * words * 4);
  const buffers = { values: views.x, bData: views.b, cData: views.c, dData: views.d, y };
  device.launch(kernelOf({ reduction, ranks }), buffers, params);
  if (parts === 1) return;
  const partial = [
    { size: parts, stride: outputs, reduced: true },
    { size: outputs, stride: 1, reduced: false },
  ];
  reduce(device, { ...reduction, read: total, load: 'x' }, { ...views, x: y }, partial, settings);
  device.release(y);
}

/** y = Σ x over `axes` of `shape`; y has the kept axes in order. An empty sum is 0. */
export function sumAxes(
  device: Device,
  x: BufferView,
  y: BufferView,
  shape: readonly number[],
  axes: readonly number[],
): void {
  reduceAxes(device, 'sum', { x, y }, shape, axes);
}
