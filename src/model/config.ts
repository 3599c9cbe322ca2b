/**
 * What a model is: its sizes, its four shape flags, the presets, the names and shapes of its parameters and its
 * ALiBi slopes. Everything that builds, reads or writes a model starts from a validated `ModelConfig`.
 */

import { z } from 'zod';
import { MathformerError } from '../base/errors.ts';

/** A validated description of a model; make one with `modelConfig` or `validateModelConfig`. */
export interface ModelConfig {
  /** V: token ids are 0 … V−1. */
  readonly vocabSize: number;
  /** d: width of the residual stream, a multiple of `nHeads`. */
  readonly dModel: number;
  /** H: attention heads, each d/H wide. */
  readonly nHeads: number;
  /** f: hidden width of the feed-forward layer, or of each expert. */
  readonly dFF: number;
  readonly nLayers: number;
  /** Probability of dropping an activation in supervised training; RL always runs with 0. */
  readonly dropout: number;
  /** E: experts per block, 0 for a dense feed-forward layer. */
  readonly numExperts: number;
  /** Experts each token is sent to, 1 … E; 0 for a dense model. */
  readonly activeExperts: number;
  /** Whether Linear and LayerNorm layers have a bias. */
  readonly bias: boolean;
  /** Whether a LayerNorm precedes the output projection. */
  readonly finalNorm: boolean;
  /** Whether the output projection is the embedding matrix itself. */
  readonly tieEmbeddings: boolean;
  /** Whether embeddings are multiplied by √d. */
  readonly scaleEmbedding: boolean;
}

type ShapeFlags = Pick<ModelConfig, 'bias' | 'finalNorm' | 'tieEmbeddings' | 'scaleEmbedding'>;

/** The two shapes a model comes in: the original's, and the one Hugging Face's MPT represents exactly. */
export const MODEL_SHAPES = {
  mathformer: { bias: true, finalNorm: false, tieEmbeddings: false, scaleEmbedding: true },
  mpt: { bias: false, finalNorm: true, tieEmbeddings: true, scaleEmbedding: false },
} as const satisfies Record<string, ShapeFlags>;

/** The name of a shape in `MODEL_SHAPES`. */
export type ModelShape = keyof typeof MODEL_SHAPES;

/** The original's sizes (`--modelsize`). */
export const MODEL_SIZES = {
  tiny: { dModel: 32, nHeads: 2, dFF: 128, nLayers: 2 },
  small: { dModel: 64, nHeads: 4, dFF: 256, nLayers: 4 },
  medium: { dModel: 512, nHeads: 8, dFF: 2048, nLayers: 8 },
  large: { dModel: 768, nHeads: 8, dFF: 3072, nLayers: 8 },
} as const;

/** The name of a size in `MODEL_SIZES`. */
export type ModelSize = keyof typeof MODEL_SIZES;

/** The supervised dropout of every preset, also assumed for files that do not say theirs. */
export const DEFAULT_DROPOUT = 0.05;

/** Bounds that keep a config read from a hostile file from naming more parameters than memory can list. */
const MAX_LAYERS = 1024;
const MAX_EXPERTS = 256;
const MAX_FEED_FORWARDS = 16_384;

/** A model config that no model can have. */
export class ModelConfigError extends MathformerError {
  readonly problem: string;

  constructor(where: string, problem: string, fix: string) {
    super(`${where}: ${problem}`, { code: 'BAD_MODEL_CONFIG', where, fix });
    this.problem = problem;
  }
}

const size = (max: number) => z.int().min(1).max(max);

const fieldsSchema = z.strictObject({
  vocabSize: size(2 ** 24),
  dModel: size(2 ** 16),
  nHeads: size(2 ** 16),
  dFF: size(2 ** 20),
  nLayers: size(MAX_LAYERS),
  dropout: z.number().min(0).lt(1),
  numExperts: z.int().min(0).max(MAX_EXPERTS),
  activeExperts: z.int().min(0).max(MAX_EXPERTS),
  bias: z.boolean(),
  finalNorm: z.boolean(),
  tieEmbeddings: z.boolean(),
  scaleEmbedding: z.boolean(),
});

/**
 * Checks a candidate from anywhere (flags, JSON, a checkpoint) and returns it as a `ModelConfig`.
 * Throws `ModelConfigError` naming the first field at fault.
 */
export function validateModelConfig(candidate: unknown, where = 'model config'): ModelConfig {
  const parsed = fieldsSchema.safeParse(candidate);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') || 'config';
    const fix =
      field === 'config' ? 'give exactly the fields of ModelConfig' : `set ${field} within its range`;
    throw new ModelConfigError(where, `${field}: ${issue?.message ?? 'invalid'}`, fix);
  }
  const config = parsed.data;
  if (config.dModel % config.nHeads !== 0) {
    const next = Math.ceil(config.dModel / config.nHeads) * config.nHeads;
    throw new ModelConfigError(
      where,
      `dModel ${config.dModel} is not divisible by nHeads ${config.nHeads}`,
      `use a multiple such as dModel ${next}, or another nHeads`,
    );
  }
  checkExperts(config, where);
  return Object.freeze(config);
}

function checkExperts({ numExperts, activeExperts, nLayers }: ModelConfig, where: string): void {
  if (activeExperts > numExperts) {
    throw new ModelConfigError(
      where,
      `activeExperts ${activeExperts} exceeds numExperts ${numExperts}`,
      numExperts === 0 ? 'set numExperts too, or activeExperts to 0' : `use at most ${numExperts}`,
    );
  }
  if (numExperts > 0 && activeExperts === 0) {
    throw new ModelConfigError(
      where,
      `activeExperts is 0 although numExperts is ${numExperts}`,
      `set activeExperts to 1 … ${numExperts}`,
    );
  }
  if (nLayers * numExperts > MAX_FEED_FORWARDS) {
    throw new ModelConfigError(
      where,
      `nLayers ${nLayers} × numExperts ${numExperts} is over ${MAX_FEED_FORWARDS} experts`,
      'use fewer layers or experts',
    );
  }
}

/**
 * What a preset lacks, the size of the vocabulary, and changes to it: any field, and `shape` for the four flags at once
 * (single flags win over it).
 */
export type ModelOverrides = Partial<ModelConfig> &
  Pick<ModelConfig, 'vocabSize'> & { readonly shape?: ModelShape };

/**
 * A preset with changes, in the `mathformer` shape unless `shape` says otherwise:
 * `modelConfig('tiny', { shape: 'mpt', vocabSize: 64 })`. Throws `ModelConfigError`.
 */
export function modelConfig(size: ModelSize, overrides: ModelOverrides): ModelConfig {
  const { shape = 'mathformer', ...fields } = overrides ?? {};
  if (!Object.hasOwn(MODEL_SIZES, size)) throw unknownChoice('size', size, Object.keys(MODEL_SIZES));
  if (!Object.hasOwn(MODEL_SHAPES, shape)) throw unknownChoice('shape', shape, Object.keys(MODEL_SHAPES));
  if (fields.vocabSize === undefined) {
    const fix = "give the vocabSize of the task's tokenizer: modelConfig('tiny', { vocabSize: 57 })";
    throw new ModelConfigError('model config', 'vocabSize is missing', fix);
  }
  return validateModelConfig({
    ...MODEL_SIZES[size],
    dropout: DEFAULT_DROPOUT,
    numExperts: 0,
    activeExperts: 0,
    ...MODEL_SHAPES[shape],
    ...fields,
  });
}

function unknownChoice(what: string, given: string, known: readonly string[]): ModelConfigError {
  const problem = `there is no ${what} ${JSON.stringify(given)}`;
  return new ModelConfigError('model config', problem, `use one of ${known.join(', ')}`);
}

/**
 * ALiBi's slope of each head, (H): 2^(−8(h+1)/H) for H a power of two; otherwise the slopes of the nearest lower
 * power of two P, then every second slope of 2P, from its first (Press et al., arXiv 2108.12409, and their code).
 */
export function alibiSlopes(nHeads: number): Float32Array {
  const lower = 2 ** Math.floor(Math.log2(nHeads));
  return Float32Array.from({ length: nHeads }, (_, head) =>
    head < lower ? slopeOfPowerOfTwo(head, lower) : slopeOfPowerOfTwo(2 * (head - lower), 2 * lower),
  );
}

const slopeOfPowerOfTwo = (head: number, nHeads: number): number => 2 ** ((-8 * (head + 1)) / nHeads);

/**
 * Every trainable tensor's checkpoint name and shape, in the original's naming and order; linear weights are
 * (out, in). ALiBi slopes are no parameters and are not listed.
 */
export function parameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  const { vocabSize, dModel, nLayers } = config;
  const shapes = new Map<string, readonly number[]>();
  shapes.set('tok_emb.weight', [vocabSize, dModel]);
  for (let layer = 0; layer < nLayers; layer++) addBlock(shapes, config, `blocks.${layer}`);
  if (config.finalNorm) addNorm(shapes, config, 'norm_f');
  if (!config.tieEmbeddings) shapes.set('out_proj.weight', [vocabSize, dModel]);
  if (config.bias) shapes.set('out_proj.bias', [vocabSize]);
  return shapes;
}

function addBlock(shapes: Map<string, readonly number[]>, config: ModelConfig, block: string): void {
  const { dModel, dFF, numExperts } = config;
  for (const projection of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
    addLinear(shapes, config, `${block}.${projection}`, dModel, dModel);
  }
  if (numExperts === 0) {
    addLinear(shapes, config, `${block}.linear1`, dFF, dModel);
    addLinear(shapes, config, `${block}.linear2`, dModel, dFF);
  } else {
    shapes.set(`${block}.moe.router.weight`, [numExperts, dModel]);
    for (let expert = 0; expert < numExperts; expert++) {
      // 0 and 3: the places of the Linear layers in the original's Sequential(Linear, GELU, Dropout, Linear).
      addLinear(shapes, config, `${block}.moe.experts.${expert}.0`, dFF, dModel);
      addLinear(shapes, config, `${block}.moe.experts.${expert}.3`, dModel, dFF);
    }
  }
  addNorm(shapes, config, `${block}.norm1`);
  addNorm(shapes, config, `${block}.norm2`);
}

function addLinear(
  shapes: Map<string, readonly number[]>,
  config: ModelConfig,
  name: string,
  out: number,
  input: number,
): void {
  shapes.set(`${name}.weight`, [out, input]);
  if (config.bias) shapes.set(`${name}.bias`, [out]);
}

function addNorm(shapes: Map<string, readonly number[]>, config: ModelConfig, name: string): void {
  shapes.set(`${name}.weight`, [config.dModel]);
  if (config.bias) shapes.set(`${name}.bias`, [config.dModel]);
}

/** `2 layers, 32 dim, 128 hidden`, with the experts of a mixture named after it. */
export function describe(config: ModelConfig): string {
  const dense = `${config.nLayers} layers, ${config.dModel} dim, ${config.dFF} hidden`;
  if (config.numExperts === 0) return dense;
  return `${dense}, ${config.numExperts} experts (${config.activeExperts} active)`;
}
