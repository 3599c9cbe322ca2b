/**
 * Elementwise kernels made from one WGSL expression of the operands `a`, `b`, `c`, `d` and the scalars `params.s`,
 * `params.t`, with NumPy broadcasting up to rank 6. The expression must hold for scalars and vectors alike: `T` names
 * the type of the operands (of `params` too), `R` that of the result, and `I`, `U`, `B` are as wide in i32, u32 and
 * bool. The functions of special.ts may be called.
 *
 * Axes that all operands walk alike are joined first, so that few kernels serve all ranks and an operand of one element
 * costs no index arithmetic. Where the last axis is a multiple of 4, a thread computes four neighbours at a time, from
 * vectors or, for an operand that repeats along it, from one value; where it is the only axis and long, all but the last
 * few are computed so. On the software driver that is six to ten times faster than one at a time.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar, type ScalarType } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { walkElements } from '../gpu/perElement.ts';
import { specialFunctions } from './special.ts';

export const MAX_RANK = 6;
const OPERANDS = ['a', 'b', 'c', 'd'] as const;
/** Ranks there are kernels for; a walk of another rank is filled up with axes of size 1. */
const RANKS = [1, 2, 3, 6] as const;

/** From this size on, a second launch for the rest costs less than it saves. */
const MIN_SPLIT = 4096;

/** Types of elementwise kernels. `bool` is stored as u32 words 0 and 1. */
export type ElementType = ScalarType | 'bool';

export interface ElementwiseOperand {
  readonly view: BufferView;
  readonly shape: readonly number[];
  /** f32 unless given. Operands must agree, but for bool ones. */
  readonly dtype?: ElementType | 'f16';
}

export interface ElementwiseOptions {
  readonly s?: Scalar;
  readonly t?: Scalar;
  /** Of what is computed; f32 unless given. */
  readonly result?: ElementType;
}

/** Form in which a kernel reads one operand. */
interface Read {
  readonly type: ElementType;
  /** In a kernel of width 4: one value for all four. */
  readonly repeats: boolean;
}

interface Form {
  readonly expression: string;
  readonly reads: readonly Read[];
  readonly result: ElementType;
  /** Neighbours that a thread computes at a time. */
  readonly width: 1 | 4;
  readonly rank: number;
}

const stored = (type: ElementType): ScalarType => (type === 'bool' ? 'u32' : type);
const wide = (type: ElementType, width: number): string => (width === 4 ? `vec4<${type}>` : type);

const elementwiseKernel = memoize(({ expression, reads, result, width, rank }: Form) => {
  const names = OPERANDS.slice(0, reads.length);
  const type = reads.find((read) => read.type !== 'bool')?.type ?? result;
  const params: Record<string, ScalarType> = { start: 'u32', end: 'u32', s: stored(type), t: stored(type) };
  for (let d = 1; d < rank; d++) params[`size${d}`] = 'u32';
  for (const name of names) for (let d = 0; d < rank; d++) params[`${name}Stride${d}`] = 'u32';
  const load = (name: string, read: Read): string => {
    const value = `${name}Data[${name}At]`;
    const vector = width === 4 && read.repeats ? `${wide(stored(read.type), 4)}(${value})` : value;
    return `let ${name} = ${read.type === 'bool' ? `${vector} != U(0u)` : vector};`;
  };
  const locate = Array.from({ length: rank }, (_, i) => {
    const d = rank - 1 - i;
    const at = d === 0 ? 'rest' : `rest % params.size${d}`;
    const steps = names.map((name) => `${name}At += at * params.${name}Stride${d};`).join(' ');
    return `{ let at = ${at}; ${steps}${d === 0 ? '' : ` rest /= params.size${d};`} }`;
  });
  const bindings = reads.map((read, i) => [
    `${names[i]}Data`,
    `array<${wide(stored(read.type), read.repeats ? 1 : width)}>`,
  ]);
  const form = reads.map((read) => `${read.type}${read.repeats ? '*' : ''}`).join(',');
  return defineKernel({
    name: `elementwise ${expression} (${form}) ${result} ×${width} rank ${rank}`,
    params,
    reads: Object.fromEntries(bindings),
    writes: { out: `array<${wide(stored(result), width)}>` },
    functions: `
alias T = ${wide(type, width)};
alias R = ${wide(result, width)};
alias I = ${wide('i32', width)};
alias U = ${wide('u32', width)};
alias B = ${wide('bool', width)};
${specialFunctions(expression)}`,
    ...walkElements('end', { start: 'start' })`${names.length > 0 ? 'var rest = id;' : ''}
    ${names.map((name) => `var ${name}At = 0u;`).join(' ')}
    ${names.length > 0 ? locate.join('\n    ') : ''}
    ${reads.map((read, i) => load(names[i] as string, read)).join('\n    ')}
    out[id] = ${result === 'bool' ? `select(U(0u), U(1u), ${expression})` : expression};`,
  });
});

/** One axis of the output, with the elements between neighbours along it in every operand. */
interface BroadcastAxis {
  readonly size: number;
  readonly strides: readonly number[];
}

/** Row-major strides of `shape` seen as `target`, 0 along broadcast dimensions. */
function broadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const strides = new Array<number>(target.length).fill(0);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i] as number;
    if (size !== 1) strides[i + target.length - shape.length] = stride;
    stride *= size;
  }
  return strides;
}

/** The axes of `shape`, neighbours joined where every operand walks them as one. */
function joinedAxes(shape: readonly number[], operands: readonly ElementwiseOperand[]): BroadcastAxis[] {
  const strides = operands.map((operand) => broadcastStrides(operand.shape, shape));
  const axes: BroadcastAxis[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const axis = { size, strides: strides.map((each) => each[i] as number) };
    const before = axes.at(-1);
    if (before && axis.strides.every((stride, o) => before.strides[o] === stride * size)) {
      axes[axes.length - 1] = { size: before.size * size, strides: axis.strides };
    } else axes.push(axis);
  });
  return axes;
}

/**
 * out[i] = expression(a[i], b[i], …), operands broadcast to `shape`, the shape of `out`.
 * @param options.s and t are of the operands' type, or the result's where no operand has a number.
 */
export function elementwise(
  device: Device,
  expression: string,
  operands: readonly ElementwiseOperand[],
  out: BufferView,
  shape: readonly number[],
  { s = 0, t = 0, result = 'f32' }: ElementwiseOptions = {},
): void {
  const walked = joinedAxes(shape, operands);
  const rank = RANKS.find((r) => r >= walked.length);
  if (rank === undefined) throw new RangeError(`elementwise: rank ${walked.length} exceeds ${MAX_RANK}`);
  const one: BroadcastAxis = { size: 1, strides: operands.map(() => 0) };
  const axes = [...new Array<BroadcastAxis>(rank - walked.length).fill(one), ...walked];
  const size = axes.reduce((product, axis) => product * axis.size, 1);
  const inner = axes.at(-1) ?? one;
  const views = Object.fromEntries(operands.map(({ view }, o) => [`${OPERANDS[o]}Data`, view]));
  const launch = (width: 1 | 4, start: number, end: number): void => {
    const reads = operands.map(({ dtype = 'f32' }, o): Read => {
      if (dtype === 'f16') throw new TypeError('elementwise: f16 is for storage only');
      return { type: dtype, repeats: width === 4 && inner.strides[o] === 0 };
    });
    const params: Record<string, Scalar> = { start, end, s, t };
    axes.forEach(({ size, strides }, d) => {
      const last = d === axes.length - 1;
      if (d > 0) params[`size${d}`] = last ? size / width : size;
      strides.forEach((stride, o) => {
        // Whatever is read as vectors is counted in vectors; along the last axis neighbours are 1 apart either way.
        const inVectors = width === 4 && !reads[o]?.repeats && !last;
        params[`${OPERANDS[o]}Stride${d}`] = inVectors ? stride / 4 : stride;
      });
    });
    device.launch(elementwiseKernel({ expression, reads, result, width, rank }), { ...views, out }, params);
  };
  if (inner.size % 4 === 0) launch(4, 0, size / 4);
  else if (rank > 1 || size < MIN_SPLIT) launch(1, 0, size);
  else {
    const vectors = Math.floor(size / 4);
    launch(4, 0, vectors);
    launch(1, vectors * 4, size);
  }
}
