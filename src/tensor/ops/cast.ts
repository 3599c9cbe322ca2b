/** Casts between dtypes. */
import { expectKind, oneOf } from '../../base/arguments.ts';
import { type ElementType, elementwise } from '../../kernels/elementwise.ts';
import { packHalves, unpackHalves } from '../../kernels/half.ts';
import { differentiable } from '../autograd.ts';
import { EVERY_DTYPE, expectOperands } from '../operands.ts';
import { type DType, Tensor } from '../tensor.ts';

/** WGSL expressions of `a` for casts that change bits. WGSL leaves NaN and out-of-range values undefined; bounds are f32. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  'f32 i32':
    'select(select(R(clamp(a, T(-2147483648.0), T(2147483520.0))), R(2147483647), a >= T(2147483648.0)), R(0), nan(a))',
  'f32 u32':
    'select(select(R(clamp(a, T(0.0), T(4294967040.0))), R(4294967295u), a >= T(4294967296.0)), R(0u), nan(a))',
  'f32 bool': '(bitcast<U>(a) & U(0x7fffffffu)) != U(0u)',
  // Both 16-bit halves are exact, and their sum is rounded once: some drivers do not round a whole word to nearest.
  'i32 f32': 'R(a >> U(16u)) * 65536.0 + R(a & T(65535))',
  'u32 f32': 'R(a >> U(16u)) * 65536.0 + R(a & T(65535))',
  'i32 u32': 'bitcast<R>(a)',
  'u32 i32': 'bitcast<R>(a)',
  'i32 bool': 'a != T(0)',
  'u32 bool': 'a != T(0)',
  'bool f32': 'select(R(0), R(1), a)',
  'bool i32': 'select(R(0), R(1), a)',
  'bool u32': 'select(R(0), R(1), a)',
};

/**
 * Return x as another dtype; x itself if it already has it.
 * - f32 to integers truncates. Values out of range become the nearest integer, NaN becomes 0.
 * - i32 and u32 keep their bits: -1 and 2³² - 1 are cast to each other.
 * - To bool, every value but 0 is true; from bool, true is 1.
 * - To f32 and f16, values are rounded to nearest, ties to even; beyond f16's range (65504) they become infinities.
 * - f16 goes to and from other dtypes through f32.
 *
 * Casts between f32 and f16 are differentiable. Gradients are f32 and pass unrounded.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  expectOperands('cast', { x: [x, EVERY_DTYPE] });
  expectKind('cast', 'the dtype', dtype, oneOf(EVERY_DTYPE));
  const { device, shape } = x;
  if (x.dtype === dtype) return x;
  if (x.dtype === 'f16') {
    const y = Tensor.empty(device, shape);
    unpackHalves(device, x.view, y.view, x.size);
    differentiable('cast', [x], y, (dy) => [dy]);
    return cast(y, dtype);
  }
  if (dtype === 'f16') {
    const single = cast(x, 'f32');
    const y = Tensor.empty(device, shape, 'f16');
    packHalves(device, single.view, y.view, x.size);
    differentiable('cast', [single], y, (dy) => [cast(dy, 'f32')]);
    return y;
  }
  return castWords(x, x.dtype, dtype);
}

function castWords(x: Tensor, from: ElementType, to: ElementType): Tensor {
  const y = Tensor.empty(x.device, x.shape, to);
  const expression = EXPRESSIONS[`${from} ${to}`] as string;
  elementwise(x.device, expression, [x], y.view, x.shape, { result: to });
  return y;
}
