/**
 * Find the `ModelConfig` of an opened checkpoint: this project's own, the original's `config` dict, or, for a bare state_dict,
 * one inferred from the names and shapes of its tensors.
 */

import { DEFAULT_DROPOUT, MODEL_SHAPES, type ModelConfig, validateModelConfig } from '../model/config.ts';
import { ModelConfigError } from '../model/modelConfigError.ts';
import { CheckpointError, quoted } from './error.ts';
import { JsonCursor } from './jsonCursor.ts';
import type { OpenedCheckpoint, Weight } from './open.ts';

/** Fields that the tensors of a bare state_dict do not determine. They are ignored for files with a config. */
export interface AssumedConfig {
  /** Number of experts per token. */
  readonly activeExperts?: number;
  /** Number of attention heads, for files without `blocks.0.alibi_slopes`. */
  readonly nHeads?: number;
}

const WHERE = 'config';
const MAX_JSON = 65_536;

/** @throws CheckpointError: `BAD_CONFIG`, `CONFIG_UNKNOWN`, or `NOT_A_CHECKPOINT` for tensors of another kind of model. */
export function findConfig({ config, weights }: OpenedCheckpoint, assumed: AssumedConfig): ModelConfig {
  switch (config.kind) {
    case 'own':
      return validated(parseJson(config.json));
    case 'original':
      return validated(fromOriginal(config.fields));
    case 'none':
      return validated(inferConfig(weights, assumed));
    default:
      return config satisfies never;
  }
}

function validated(candidate: unknown): ModelConfig {
  try {
    return validateModelConfig(candidate);
  } catch (cause) {
    if (!(cause instanceof ModelConfigError)) throw cause;
    const fix = 'save the checkpoint with the config of its model';
    throw new CheckpointError('BAD_CONFIG', WHERE, cause.problem, fix, { cause });
  }
}

function parseJson(json: string): unknown {
  const fix = 'save the checkpoint again';
  if (json.length > MAX_JSON) {
    throw new CheckpointError('BAD_CONFIG', WHERE, `its JSON has ${json.length} characters`, fix);
  }
  const invalid = (problem: string, cause?: unknown): CheckpointError =>
    new CheckpointError('BAD_CONFIG', WHERE, `${quoted(json)} is no config: ${problem}`, fix, { cause });
  const cursor = new JsonCursor(new TextEncoder().encode(json), invalid);
  const fields = new Map<string, unknown>();
  cursor.object((key) => fields.set(key, cursor.scalar()));
  cursor.end();
  return Object.fromEntries(fields);
}

/** The original's names for the sizes; all files have the first five. */
function fromOriginal(fields: ReadonlyMap<string, unknown>): object {
  const numExperts = optionalNumber(fields, 'num_experts', 0);
  return {
    vocabSize: requiredNumber(fields, 'ntoken'),
    dModel: requiredNumber(fields, 'ninp'),
    nHeads: requiredNumber(fields, 'nhead'),
    dFF: requiredNumber(fields, 'nhid'),
    nLayers: requiredNumber(fields, 'nlayers'),
    dropout: optionalNumber(fields, 'dropout', DEFAULT_DROPOUT),
    numExperts,
    // A dense original may have any value here; it is ignored.
    activeExperts: numExperts === 0 ? 0 : optionalNumber(fields, 'active_experts', 0),
    ...MODEL_SHAPES.mathformer,
  };
}

function requiredNumber(fields: ReadonlyMap<string, unknown>, name: string): number {
  const value = asNumber(fields.get(name));
  if (value !== undefined) return value;
  const problem = fields.has(name) ? `its ${name} is not a number` : `it has no ${name}`;
  throw new CheckpointError('BAD_CONFIG', WHERE, problem, `save the checkpoint with ${name} in its config`);
}

function optionalNumber(fields: ReadonlyMap<string, unknown>, name: string, otherwise: number): number {
  const value = fields.get(name) ?? null;
  return value === null ? otherwise : requiredNumber(fields, name);
}

/** Parse a number. safetensors metadata stores every value as text. */
function asNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

/** `scaleEmbedding` and `dropout` leave no trace in the tensors: the two shapes and the presets decide. */
function inferConfig(weights: ReadonlyMap<string, Weight>, assumed: AssumedConfig): object {
  const [vocabSize, dModel] = sides(weights, 'tok_emb.weight');
  const router = weights.get('blocks.0.moe.router.weight');
  const firstLinear = router ? 'blocks.0.moe.experts.0.0.weight' : 'blocks.0.linear1.weight';
  const [dFF] = sides(weights, firstLinear);
  const tieEmbeddings = !weights.has('out_proj.weight');
  return {
    vocabSize,
    dModel,
    nHeads:
      weights.get('blocks.0.alibi_slopes')?.shape[0] ??
      assumed.nHeads ??
      unknown('nHeads', 'number of heads'),
    dFF,
    nLayers: countLayers(weights),
    dropout: DEFAULT_DROPOUT,
    numExperts: router?.shape[0] ?? 0,
    activeExperts: router
      ? (assumed.activeExperts ?? unknown('activeExperts', 'number of active experts'))
      : 0,
    bias: weights.has('blocks.0.q_proj.bias'),
    finalNorm: weights.has('norm_f.weight'),
    tieEmbeddings,
    scaleEmbedding: !tieEmbeddings,
  };
}

function sides(weights: ReadonlyMap<string, Weight>, name: string): readonly number[] {
  const shape = weights.get(name)?.shape;
  if (shape?.length === 2) return shape;
  const problem = shape ? `${name} is no matrix` : `it has no ${name}`;
  const fix = 'give a checkpoint of a mathformer model';
  throw new CheckpointError('NOT_A_CHECKPOINT', 'state_dict', problem, fix);
}

function countLayers(weights: ReadonlyMap<string, Weight>): number {
  let layers = 0;
  for (const name of weights.keys()) {
    const layer = /^blocks\.(\d{1,9})\./.exec(name)?.[1];
    if (layer !== undefined) layers = Math.max(layers, Number(layer) + 1);
  }
  return layers;
}

function unknown(option: keyof AssumedConfig, what: string): never {
  const problem = `the file has no config and its tensors do not tell the ${what}`;
  const fix = `say it (${option}), or give a checkpoint with its config`;
  throw new CheckpointError('CONFIG_UNKNOWN', WHERE, problem, fix);
}
