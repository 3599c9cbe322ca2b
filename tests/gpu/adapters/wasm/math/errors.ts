/** Errors of elementary functions against float64, in units of the last place of the true value's f32. */
import { run } from '../emit/launch.ts';

/** A function of one or two arguments. */
export interface Elementary {
  readonly name: string;
  /** Its value in float64. */
  readonly exact: (x: number, y: number) => number;
  /** Largest error in ulp, rounded up. */
  readonly limit: number;
  /** Arguments at which a formula gives way to another one. */
  readonly borders?: readonly number[];
  /** WGSL that declares the function on vec4f, if it is no builtin. */
  readonly declarations?: string;
}

const LEAST_EXPONENT = -126;
const MANTISSA_BITS = 23;
const OVERFLOW = 2 ** 128;

/** Return the distance of two values in places of f32 at `exact`. Both NaN: 0; one NaN, or a zero of the wrong sign: infinite. */
export function ulpsOff(result: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(result, rounded)) return Number.isFinite(rounded) ? distance(result, exact) : 0;
  if (Number.isNaN(result) || Number.isNaN(exact) || !Number.isFinite(exact)) return Number.POSITIVE_INFINITY;
  if (result === 0 && rounded === 0) return Number.POSITIVE_INFINITY;
  return distance(Number.isFinite(result) ? result : Math.sign(result) * OVERFLOW, exact);
}

const distance = (result: number, exact: number): number => Math.abs(result - exact) / lastPlace(exact);

/** Return the value of the last place of the f32 numbers around x. */
function lastPlace(x: number): number {
  let exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), LEAST_EXPONENT);
  // The logarithm may round up to an integer.
  if (2 ** exponent > Math.abs(x)) exponent = Math.max(exponent - 1, LEAST_EXPONENT);
  return 2 ** (Math.min(exponent, 127) - MANTISSA_BITS);
}

/** The largest error of a function, and where it is. */
export interface Worst {
  readonly error: number;
  readonly at: readonly number[];
  readonly result: number;
}

/** Return the values of function `name` at each argument, as scalars or as vectors of four. The number of arguments divides by 4. */
export function valuesOf(
  name: string,
  columns: readonly Float32Array<ArrayBuffer>[],
  type: 'f32' | 'vec4f' = 'vec4f',
  declarations = '',
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(columns[0]?.length ?? 0);
  const inputs = columns.map((_, i) => `@group(0) @binding(${i}) var<storage, read> x${i}: array<${type}>;`);
  const values = columns.map((_, i) => `x${i}[id.x]`).join(', ');
  const wgsl = `
${declarations}
${inputs.join('\n')}
@group(0) @binding(${columns.length}) var<storage, read_write> y: array<${type}>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&y)) { y[id.x] = ${name}(${values}); }
}`;
  const count = type === 'f32' ? result.length : result.length / 4;
  run({ wgsl, buffers: [...columns, result], workgroups: [Math.ceil(count / 64), 1, 1] });
  return result;
}

/** Return the largest error of a function at these arguments. */
export function worstOf(
  { name, exact, declarations }: Elementary,
  [xs, ys]: readonly [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>?],
): Worst {
  const results = valuesOf(name, ys ? [xs, ys] : [xs], 'vec4f', declarations);
  let worst: Worst = { error: 0, at: [], result: 0 };
  for (const [i, result] of results.entries()) {
    const [x, y] = [xs[i] ?? 0, ys?.[i] ?? 0];
    const error = ulpsOff(result, exact(x, y));
    if (error > worst.error) worst = { error, at: ys ? [x, y] : [x], result };
  }
  return worst;
}

/** Return the arguments whose bits are `first`, `first + stride`, …: `count` of them at most, all below 2³². */
export function everyFloat(first: number, stride: number, count: number): Float32Array<ArrayBuffer> {
  const length = Math.min(count, Math.ceil((2 ** 32 - first) / stride));
  const bits = new Uint32Array(Math.ceil(length / 4) * 4);
  for (let i = 0; i < bits.length; i++) bits[i] = first + (i % length) * stride;
  return new Float32Array(bits.buffer);
}

/** Return the floats around these, of both signs: `reach` places to each side. */
export function around(centres: readonly number[], reach: number): Float32Array<ArrayBuffer> {
  const bits = centres.flatMap((centre) => {
    const [middle = 0] = new Uint32Array(Float32Array.of(centre).buffer);
    const places = Array.from({ length: 2 * reach + 1 }, (_, i) => middle + i - reach);
    return places.flatMap((place) => [place >>> 0, (place ^ 0x8000_0000) >>> 0]);
  });
  while (bits.length % 4 !== 0) bits.push(0);
  return new Float32Array(Uint32Array.from(bits).buffer);
}
