/**
 * Elementwise kernels made from one WGSL expression of `a`, `b`, `c`, … and the scalars `params.s`, `params.t`, with
 * NumPy broadcasting up to rank 6. The expression must hold for `f32` and `vec4f` alike (`T` names the type in use):
 * operands of one shape run four values at a time.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import {
  defineKernel,
  GROUP_INDEX,
  type Kernel,
  linearGrid,
  memoize,
  type Scalar,
  THREAD_ARGS,
} from '../gpu/kernel.ts';
import { ERF_WGSL } from './erf.ts';

export const MAX_RANK = 6;
const OPERANDS = ['a', 'b', 'c', 'd'] as const;
const needsErf = (expression: string): boolean => /\b(erf|gelu|geluDerivative)\(/.test(expression);
/** erf.ts works on vec4f; this lets scalar kernels call it too. */
const SCALAR_ERF = ['erf', 'gelu', 'geluDerivative']
  .map((name) => `fn ${name}1(x: f32) -> f32 { return ${name}(vec4f(x)).x; }`)
  .join('\n');

const sameShapeKernel = memoize((expression: string, operands: number, vectorised: boolean): Kernel => {
  const T = vectorised ? 'vec4f' : 'f32';
  const body = vectorised ? expression : expression.replace(/\b(erf|gelu|geluDerivative)\(/g, '$11(');
  const reads = Object.fromEntries(OPERANDS.slice(0, operands).map((name) => [`${name}Data`, `array<${T}>`]));
  return defineKernel({
    name: `elementwise ${expression}`,
    params: { count: 'u32', s: 'f32', t: 'f32' },
    reads,
    writes: { out: `array<${T}>` },
    code: `alias T = ${T};
${needsErf(expression) ? ERF_WGSL + SCALAR_ERF : ''}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.count) { return; }
  ${OPERANDS.slice(0, operands)
    .map((name) => `let ${name} = ${name}Data[id];`)
    .join('\n  ')}
  out[id] = ${body};
}`,
  }) as unknown as Kernel;
});

const broadcastKernel = memoize((expression: string, operands: number, rank: number): Kernel => {
  const names = OPERANDS.slice(0, operands);
  const dims = Array.from({ length: rank }, (_, i) => i);
  const params: Record<string, 'u32' | 'f32'> = { count: 'u32', s: 'f32', t: 'f32' };
  for (const i of dims) params[`size${i}`] = 'u32';
  for (const name of names) for (const i of dims) params[`${name}Stride${i}`] = 'u32';
  return defineKernel({
    name: `elementwise ${expression} broadcast ${rank}`,
    params,
    reads: Object.fromEntries(names.map((name) => [`${name}Data`, 'array<f32>'])),
    writes: { out: 'array<f32>' },
    code: `alias T = f32;
${needsErf(expression) ? ERF_WGSL + SCALAR_ERF : ''}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.count) { return; }
  var rest = id;
  ${names.map((name) => `var ${name}At = 0u;`).join(' ')}
  ${dims
    .toReversed()
    .map(
      (i) => `{ let at = rest % params.size${i}; rest /= params.size${i};
    ${names.map((name) => `${name}At += at * params.${name}Stride${i};`).join(' ')} }`,
    )
    .join('\n  ')}
  ${names.map((name) => `let ${name} = ${name}Data[${name}At];`).join('\n  ')}
  out[id] = ${expression.replace(/\b(erf|gelu|geluDerivative)\(/g, '$11(')};
}`,
  }) as unknown as Kernel;
});

export interface ElementwiseOperand {
  readonly view: BufferView;
  readonly shape: readonly number[];
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

/** out[i] = expression(a[i], b[i], …), operands broadcast to `shape`, the shape of `out`. */
export function elementwise(
  device: Device,
  expression: string,
  operands: readonly ElementwiseOperand[],
  out: BufferView,
  shape: readonly number[],
  scalars: { readonly s?: Scalar; readonly t?: Scalar } = {},
): void {
  const size = shape.reduce((product, n) => product * n, 1);
  const { s = 0, t = 0 } = scalars;
  const views = Object.fromEntries(operands.map(({ view }, i) => [`${OPERANDS[i]}Data`, view]));
  const sizes = operands.map((operand) => operand.shape.reduce((product, n) => product * n, 1));
  if (sizes.every((n) => n === size)) {
    const vectorised = size % 4 === 0;
    const count = vectorised ? size / 4 : size;
    const kernel = sameShapeKernel(expression, operands.length, vectorised);
    device.launch(kernel, { ...views, out }, { count, s, t }, linearGrid(Math.ceil(count / 64)));
    return;
  }
  const params: Record<string, Scalar> = { count: size, s, t };
  shape.forEach((n, i) => {
    params[`size${i}`] = n;
  });
  operands.forEach((operand, o) => {
    broadcastStrides(operand.shape, shape).forEach((stride, i) => {
      params[`${OPERANDS[o]}Stride${i}`] = stride;
    });
  });
  const kernel = broadcastKernel(expression, operands.length, shape.length);
  device.launch(kernel, { ...views, out }, params, linearGrid(Math.ceil(size / 64)));
}
