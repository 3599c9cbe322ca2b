/** Random computations of one or two broadcast operands of any dtype; some operands are numbers. */
import fc from 'fast-check';
import { cast, type Scalar, type Tensor } from '../../../src/tensor/index.ts';
import * as oracle from '../../oracle/array.ts';
import { broadcastableShapes, integers, normals, shapes } from '../../oracle/random.ts';
import { type Computation, type Operand, summed } from '../againstOracle.ts';

export type Kind = 'f32' | 'i32' | 'u32' | 'bool';

/** Map normally distributed values to the domain of an op. */
export type Domain = (x: number) => number;

export const same: Domain = (x) => x;
/** Round values to quarters, so that ties occur. */
export const quarters: Domain = (x) => Math.round(x * 4) / 4;
export const positive: Domain = (x) => 0.5 + Math.abs(x);
export const times =
  (scale: number): Domain =>
  (x) =>
    x * scale;

/** Return values of a dtype. Integers are small, so that products are exact; those of u32 decrease with the seed. */
export function operand(kind: Kind, shape: readonly number[], seed: number, domain: Domain = same): Operand {
  const size = oracle.sizeOf(shape);
  const values = normals(seed, size);
  if (kind === 'f32') return { values: values.map(domain), shape };
  if (kind === 'i32') return { values: Int32Array.from(values, (x) => Math.round(x * 3)), shape };
  if (kind === 'u32') return { values: Uint32Array.from(integers(seed, size, 7)), shape };
  return { values: Array.from(values, (x) => x > 0), shape };
}

/** An empty list of booleans arrives as f32. */
export const typed = (kind: Kind, x: Tensor | undefined): Tensor =>
  kind === 'bool' ? cast(x as Tensor, 'bool') : (x as Tensor);

export interface UnaryOp {
  readonly gpu: (x: Tensor) => Tensor;
  readonly reference: (x: oracle.Array64) => oracle.Array64;
  readonly domain?: Domain;
  readonly kinds?: readonly Kind[];
}

export function unaryOf(
  { gpu, reference, domain }: UnaryOp,
  kind: Kind,
  shape: readonly number[],
  seed: number,
) {
  return {
    inputs: [operand(kind, shape, seed, domain)],
    gpu: ([x]: readonly Tensor[]) => gpu(typed(kind, x)),
    oracle: ([x]: readonly oracle.Array64[]) => reference(x as oracle.Array64),
  };
}

export const unaryCases = (op: UnaryOp): fc.Arbitrary<Computation> =>
  fc
    .tuple(shapes({ maxRank: 3 }), fc.constantFrom(...(op.kinds ?? (['f32'] as const))), fc.nat())
    .map(([shape, kind, seed]) => unaryOf(op, kind, shape, seed));

export interface BinaryOp {
  readonly gpu: (a: Tensor | Scalar, b: Tensor | Scalar) => Tensor;
  readonly reference: (a: oracle.Operand, b: oracle.Operand) => oracle.Array64;
  readonly domains?: readonly [Domain, Domain];
  readonly kinds?: readonly Kind[];
  /** Magnitude of the terms in the gradient of a broadcast operand. Default: 2. */
  readonly magnitude?: number;
  /** Numbers that sometimes replace an operand. */
  readonly numbers?: Readonly<Record<'f32' | 'i32' | 'u32', number>>;
}

interface Pair {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly out: readonly number[];
}

export function binaryOf(
  { gpu, reference, domains = [same, same], magnitude = 2 }: BinaryOp,
  kind: Kind,
  { a, b, out }: Pair,
  seed: number,
): Computation {
  // The largest number of elements that one element of a broadcast operand is summed over in its gradient.
  const summands = (shape: readonly number[]): number =>
    oracle.sizeOf(out) / Math.max(1, oracle.sizeOf(shape));
  return {
    inputs: [operand(kind, a, seed, domains[0]), operand(kind, b, seed + 1, domains[1])],
    gpu: ([x, y]) => gpu(typed(kind, x), typed(kind, y)),
    oracle: ([x, y]) => reference(x as oracle.Array64, y as oracle.Array64),
    gradient: (input) => summed(summands(input === 0 ? a : b), magnitude),
  };
}

/** With a number for the first (0) or the second (1) operand. */
export function numberOf(op: BinaryOp, kind: Kind, at: 0 | 1, shape: readonly number[], seed: number) {
  const { f32, i32, u32 } = op.numbers ?? { f32: 1.25, i32: -2, u32: 3 };
  const number = kind === 'f32' ? f32 : kind === 'i32' ? i32 : u32;
  const domain = op.domains?.[1 - at] ?? same;
  return at === 0
    ? unaryOf(
        { gpu: (x) => op.gpu(number, x), reference: (x) => op.reference(number, x), domain },
        kind,
        shape,
        seed,
      )
    : unaryOf(
        { gpu: (x) => op.gpu(x, number), reference: (x) => op.reference(x, number), domain },
        kind,
        shape,
        seed,
      );
}

export function binaryCases(op: BinaryOp): fc.Arbitrary<Computation> {
  const kinds = fc.constantFrom(...(op.kinds ?? (['f32'] as const)));
  const pairs = broadcastableShapes({ maxRank: 4, maxElements: 2000 });
  const tensors = fc
    .tuple(kinds, pairs, fc.nat())
    .map(([kind, pair, seed]) => binaryOf(op, kind, pair, seed));
  const numbers = fc
    .tuple(kinds, fc.constantFrom(0 as const, 1 as const), shapes({ maxRank: 2 }), fc.nat())
    .filter(([kind]) => kind !== 'bool')
    .map(([kind, at, shape, seed]) => numberOf(op, kind, at, shape, seed));
  return op.kinds?.every((kind) => kind === 'bool')
    ? tensors
    : fc.oneof({ weight: 3, arbitrary: tensors }, { weight: 1, arbitrary: numbers });
}
