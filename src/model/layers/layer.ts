/** A layer declares its parameters beside its forward pass; sizes, names and initial values are derived from that. */
import type { RandomStream } from '../../base/randomStream.ts';
import type { RoutingShape } from '../../kernels/moeTuningCases.ts';
import type { NormShape } from '../../kernels/rowTuningCases.ts';
import type { AttentionHeads, OuterShape, ProductShape } from '../../kernels/tuningCases.ts';
import type { Shape } from '../../tensor/index.ts';

/** A tensor of a checkpoint. */
export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  /** Draws one initial value. */
  readonly initial: (random: RandomStream) => number;
}

/** A tensor of the model: parameters that are used together, end to end, such as q, k and v. */
export interface Weight {
  readonly name: string;
  readonly shape: Shape;
  readonly parts: readonly Parameter[];
}

/** Fixed values, one dimension, as kernels read them. */
export type ConstantTable = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Fixed values that a checkpoint may repeat. */
export interface Constant {
  readonly name: string;
  /** As a checkpoint repeats them. */
  readonly values: Float32Array;
  readonly table: ConstantTable;
  /** Describes other values. */
  readonly problem: string;
}

/** Keys and values that a layer keeps of every token for decoding. */
export interface CacheDeclaration {
  /** Floats of a token's keys, and of its values. */
  readonly width: number;
}

/** Sizes that no model can have, or that the kernels do not take. */
export interface ConfigProblem {
  readonly problem: string;
  readonly fix: string;
}

/** The number of rows a model works on at once. */
export interface TuningRows {
  /** Tokens of a training step's forward pass. */
  readonly training: number;
  /** Sequences that are decoded together. */
  readonly decoding: number;
}

/** A kernel launch worth tuning. */
export type TuningShape =
  | ({ readonly kind: 'product' } & ProductShape)
  | ({ readonly kind: 'outer' } & OuterShape)
  | ({ readonly kind: 'attention'; readonly R: number } & AttentionHeads)
  | ({ readonly kind: 'decode'; readonly M: number } & AttentionHeads)
  | { readonly kind: 'sample'; readonly M: number; readonly V: number }
  | ({ readonly kind: 'norm' } & NormShape)
  | { readonly kind: 'gather'; readonly R: number; readonly V: number }
  | { readonly kind: 'replay'; readonly N: number; readonly V: number }
  | ({ readonly kind: 'routing' } & RoutingShape)
  | { readonly kind: 'softmax'; readonly rows: number; readonly length: number };

/** A part of a model, without the values of its weights. */
export interface Layer {
  /** In the order in which they lie in memory. */
  readonly weights: readonly Weight[];
  /** The weights that products multiply by. */
  readonly products: readonly Weight[];
  /** In the order in which a checkpoint lists them. */
  readonly parameters: readonly Parameter[];
  readonly constants: readonly Constant[];
  readonly caches: readonly CacheDeclaration[];
  readonly problems: readonly ConfigProblem[];
  /** The most rows of a pass such that each tensor of the layer has at most `floats` values. */
  mostRows(floats: number): number;
  /** One launch may come more than once. */
  tuningShapes(rows: TuningRows): readonly TuningShape[];
}

/** All that inner layers declare, in the order in which a checkpoint lists them. */
export const compose = (...inner: readonly Layer[]): Layer => ({
  weights: inner.flatMap(({ weights }) => weights),
  products: inner.flatMap(({ products }) => products),
  parameters: inner.flatMap(({ parameters }) => parameters),
  constants: inner.flatMap(({ constants }) => constants),
  caches: inner.flatMap(({ caches }) => caches),
  problems: inner.flatMap(({ problems }) => problems),
  mostRows: (floats) => Math.min(...inner.map((layer) => layer.mostRows(floats))),
  tuningShapes: (rows) => inner.flatMap((layer) => layer.tuningShapes(rows)),
});

/** Joins parameters along their first axis. */
export function joined(name: string, parts: readonly Parameter[]): Weight {
  const [, ...rest] = parts[0]?.shape ?? [];
  return { name, shape: [parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0), ...rest], parts };
}

/** Uniform between −bound and bound. */
export const uniform =
  (bound: number): Parameter['initial'] =>
  (random) =>
    (random.nextUint32() / 2 ** 31 - 1) * bound;
