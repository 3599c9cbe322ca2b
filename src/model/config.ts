/** Configs of models: presets and validation. Everything that builds, reads or writes a model starts from one. */
import type { Architecture } from './architectures/architecture.ts';
import { ARCHITECTURES, type ModelConfigs } from './architectures/index.ts';
import type { AlibiConfig } from './architectures/mathformer.ts';
import { ModelConfigError } from './modelConfigError.ts';

/** The name of an architecture (`--shape`). */
export type ModelShape = keyof ModelConfigs;

/** A validated description of a model; make one with `modelConfig` or `validateModelConfig`. */
export type ModelConfig = ModelConfigs[ModelShape];

/** The fields that each shape stands for, besides sizes. */
export const MODEL_SHAPES = {
  mathformer: ARCHITECTURES.mathformer.flags,
  mpt: ARCHITECTURES.mpt.flags,
  llama: ARCHITECTURES.llama.flags,
} as const satisfies Record<ModelShape, object>;

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

/** The architecture of a config: what its name says it is. */
export const architectureOf = ({ architecture }: Pick<ModelConfig, 'architecture'>): Architecture =>
  ARCHITECTURES[architecture];

/**
 * Checks a candidate from anywhere (flags, JSON, a checkpoint) and returns it as a `ModelConfig`. A candidate without
 * `architecture` is of the two that old checkpoints have.
 * @throws ModelConfigError naming the first field at fault.
 */
export function validateModelConfig(candidate: unknown, where = 'model config'): ModelConfig {
  const named = withArchitecture(candidate);
  const shape = 'architecture' in named ? String(named.architecture) : '';
  if (!isShape(shape)) throw unknownChoice('architecture', shape, Object.keys(ARCHITECTURES), where);
  return validateConfigOf(shape, named, where);
}

function withArchitecture(candidate: unknown): object {
  if (typeof candidate !== 'object' || candidate === null) return { architecture: 'mathformer' };
  if ('architecture' in candidate) return candidate;
  const fields = new Map(Object.entries(candidate));
  const isMpt = Object.entries(MODEL_SHAPES.mpt).every(([flag, value]) => fields.get(flag) === value);
  return { architecture: isMpt ? 'mpt' : 'mathformer', ...candidate };
}

/** Checks a candidate that names this architecture. @throws ModelConfigError naming the first field at fault. */
export function validateConfigOf<Shape extends ModelShape>(
  shape: Shape,
  candidate: unknown,
  where: string,
): ModelConfigs[Shape] {
  const architecture = ARCHITECTURES[shape];
  const parsed = architecture.schema.safeParse(candidate);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') || 'config';
    const fix =
      field === 'config' ? 'give exactly the fields of ModelConfig' : `set ${field} within its range`;
    throw new ModelConfigError(where, `${field}: ${issue?.message ?? 'invalid'}`, fix);
  }
  const refused = architecture.problemOf(parsed.data);
  if (refused) throw new ModelConfigError(where, refused.problem, refused.fix);
  Object.freeze(parsed.data);
  return parsed.data;
}

/**
 * The size of the vocabulary, and changes to a preset: any field, and `shape` for the architecture (single fields win
 * over its flags).
 */
export type ModelOverrides<Shape extends ModelShape = 'mathformer' | 'mpt'> = Shape extends ModelShape
  ? Partial<Omit<ModelConfigs[Shape], 'architecture'>> &
      Pick<ModelConfig, 'vocabSize'> & { readonly shape?: Shape }
  : never;

/**
 * A preset with changes, in the `mathformer` shape unless `shape` says otherwise:
 * `modelConfig('tiny', { shape: 'mpt', vocabSize: 64 })`.
 * @throws ModelConfigError naming the field at fault.
 */
export function modelConfig(size: ModelSize, overrides: ModelOverrides): AlibiConfig;
export function modelConfig<Shape extends ModelShape>(
  size: ModelSize,
  overrides: ModelOverrides<Shape>,
): ModelConfigs[Shape];
export function modelConfig(size: ModelSize, overrides: ModelOverrides<ModelShape>): ModelConfig {
  const { shape = 'mathformer', ...fields } = overrides ?? {};
  if (!Object.hasOwn(MODEL_SIZES, size)) throw unknownChoice('size', size, Object.keys(MODEL_SIZES));
  if (!isShape(shape)) throw unknownChoice('shape', shape, Object.keys(ARCHITECTURES));
  if (fields.vocabSize === undefined) {
    const fix = "give the vocabSize of the task's tokenizer: modelConfig('tiny', { vocabSize: 57 })";
    throw new ModelConfigError('model config', 'vocabSize is missing', fix);
  }
  const sizes = MODEL_SIZES[size];
  const { dModel = sizes.dModel, nHeads = sizes.nHeads } = fields;
  const base = { architecture: shape, ...sizes, dropout: DEFAULT_DROPOUT };
  const defaults = ARCHITECTURES[shape].defaults({ dModel, nHeads });
  return validateConfigOf(shape, { ...base, ...defaults, ...fields }, 'model config');
}

const isShape = (name: string): name is ModelShape => Object.hasOwn(ARCHITECTURES, name);

function unknownChoice(
  what: string,
  given: string,
  known: readonly string[],
  where = 'model config',
): ModelConfigError {
  return new ModelConfigError(
    where,
    `there is no ${what} ${JSON.stringify(given)}`,
    `use one of ${known.join(', ')}`,
  );
}

/**
 * The shape whose flags the config has, or the only one with such flags, whatever their values; undefined for a mix of
 * several shapes.
 */
export function shapeOf(config: ModelConfig): ModelShape | undefined {
  const fields = new Map<string, unknown>(Object.entries(config));
  const flagsOf = (shape: ModelShape): string => `${Object.keys(MODEL_SHAPES[shape])}`;
  const alike = Object.keys(MODEL_SHAPES)
    .filter(isShape)
    .filter((shape) => flagsOf(shape) === flagsOf(config.architecture));
  if (alike.length === 1) return config.architecture;
  return alike.find((shape) =>
    Object.entries(MODEL_SHAPES[shape]).every(([flag, value]) => fields.get(flag) === value),
  );
}

/** `2 layers, 32 dim, 128 hidden`, followed by what the architecture adds. */
export function describe(config: ModelConfig): string {
  const sizes = `${config.nLayers} layers, ${config.dModel} dim, ${config.dFF} hidden`;
  return `${sizes}${architectureOf(config).describe(config)}`;
}
