/** The tensors of a model by transformers' names, and the parameters they are here. */
import { architectureOf, type ModelConfig } from '../../model/config.ts';
import type { Weight as ModelWeight } from '../../model/layers/layer.ts';
import { joinParts, type StateDict, type StateTensor, splitParts } from '../../model/stateDict.ts';
import { CheckpointError, quoted } from '../error.ts';
import type { NamedArray } from '../index.ts';
import type { Weight } from '../open.ts';
import { readStateDict } from '../stateDict.ts';

/** Transformers' names of a model's tensors. */
export interface TensorNames {
  /** Starts all names but the output's; a file of the model without its output leaves it out. */
  readonly prefix: string;
  readonly embedding: string;
  /** The weights in their order, by transformers' names. */
  readonly weights: ReadonlyMap<string, ModelWeight>;
}

/** Beside the transformer: no prefix. */
export const OUTPUT = 'lm_head.weight';

/** The tensors of `model.safetensors`. */
export function toWeights({ weights }: TensorNames, stateDict: StateDict): Map<string, NamedArray> {
  return new Map(
    [...weights].map(([name, weight]) => [
      name,
      { dtype: 'F32', shape: weight.shape, data: joinParts(weight, stateDict) },
    ]),
  );
}

/** Reads the tensors of `config`. @throws CheckpointError if any is missing, surplus, of another shape or not finite. */
export function fromWeights(
  config: ModelConfig,
  names: TensorNames,
  stored: ReadonlyMap<string, Weight>,
): Map<string, StateTensor> {
  const weights = withPrefix(stored, names);
  const { constants } = architectureOf(config).decoder(config);
  const known = new Set([...names.weights.keys(), ...constants.map(({ name }) => name)]);
  if (config.tieEmbeddings) known.add(OUTPUT);
  const surplus = [...weights.keys()].find((name) => !known.has(name));
  if (surplus !== undefined) throw mismatch(surplus, 'the model of config.json has no such tensor');
  const found = new Map<string, Weight>();
  for (const [name, weight] of names.weights) {
    for (const [part, { shape, data }] of splitParts(weight, valuesOf(weights, name, weight.shape))) {
      found.set(part, { shape, dtype: 'F32', read: () => data });
    }
  }
  for (const { name } of constants) {
    const constant = weights.get(name);
    if (constant) found.set(name, constant);
  }
  if (config.tieEmbeddings && weights.has(OUTPUT)) checkTied(weights, names);
  return readStateDict(config, found);
}

function withPrefix(
  stored: ReadonlyMap<string, Weight>,
  { prefix, embedding }: TensorNames,
): ReadonlyMap<string, Weight> {
  if (!stored.has(embedding.slice(prefix.length))) return stored;
  return new Map([...stored].map(([name, weight]) => [name === OUTPUT ? name : `${prefix}${name}`, weight]));
}

function valuesOf(
  weights: ReadonlyMap<string, Weight>,
  name: string,
  shape: readonly number[],
): Float32Array {
  const weight = weights.get(name);
  if (!weight) throw mismatch(name, 'it is missing');
  if (`${weight.shape}` !== `${shape}`) throw mismatch(name, `it is [${weight.shape}] instead of [${shape}]`);
  return weight.read();
}

/** Some files repeat the embedding as the output; another output than the tied one would be silently lost. */
function checkTied(weights: ReadonlyMap<string, Weight>, { embedding }: TensorNames): void {
  const tied = weights.get(embedding);
  const expected = tied?.read() ?? new Float32Array();
  const output = valuesOf(weights, OUTPUT, tied?.shape ?? []);
  if (output.every((value, i) => value === expected[i])) return;
  throw new CheckpointError(
    'TENSOR_MISMATCH',
    quoted(OUTPUT),
    'it is not the embedding, although tie_word_embeddings is true',
    'set tie_word_embeddings to false in config.json if this output is meant',
  );
}

function mismatch(name: string, problem: string): CheckpointError {
  const fix = 'give the model.safetensors and the config.json of one model';
  return new CheckpointError('TENSOR_MISMATCH', quoted(name), problem, fix);
}
