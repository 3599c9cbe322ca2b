/** The tensors of an MPT model by transformers' names, and the parameters they are here. */

import type { AlibiConfig } from '../../model/architectures/mathformer.ts';
import { architectureOf } from '../../model/config.ts';
import type { Weight as ModelWeight } from '../../model/layers/layer.ts';
import { joinParts, type StateDict, type StateTensor, splitParts } from '../../model/stateDict.ts';
import { CheckpointError, quoted } from '../error.ts';
import type { NamedArray } from '../index.ts';
import type { Weight } from '../open.ts';
import { readStateDict } from '../stateDict.ts';

/** `lm_head` is beside the transformer, which a file of an `MptModel` alone does not prefix. */
const PREFIX = 'transformer.';
const OUTPUT = 'lm_head.weight';
const EMBEDDING = 'wte.weight';

/** The weights of a block by transformers' names. */
const INSIDE_A_BLOCK = {
  norm1: 'norm_1',
  qkv: 'attn.Wqkv',
  out_proj: 'attn.out_proj',
  norm2: 'norm_2',
  linear1: 'ffn.up_proj',
  linear2: 'ffn.down_proj',
};

/** The model's weights with transformers' names: both have one matrix for q, k and v, in this order. */
function namedWeights(config: AlibiConfig): Map<string, ModelWeight> {
  const names = new Map([
    ['tok_emb.weight', `${PREFIX}${EMBEDDING}`],
    ['norm_f.weight', `${PREFIX}norm_f.weight`],
    ['out_proj.weight', OUTPUT],
  ]);
  for (let layer = 0; layer < config.nLayers; layer++) {
    for (const [name, theirs] of Object.entries(INSIDE_A_BLOCK)) {
      names.set(`blocks.${layer}.${name}.weight`, `${PREFIX}blocks.${layer}.${theirs}.weight`);
    }
  }
  return new Map(
    architectureOf(config)
      .decoder(config)
      .weights.map((weight) => {
        const name = names.get(weight.name);
        if (name) return [name, weight];
        const problem = 'MPT has no such tensor';
        throw new CheckpointError('INTERNAL', quoted(weight.name), problem, 'please report this');
      }),
  );
}

/** The tensors of `model.safetensors`. */
export function toMptWeights(config: AlibiConfig, stateDict: StateDict): Map<string, NamedArray> {
  return new Map(
    [...namedWeights(config)].map(([name, weight]) => [
      name,
      { dtype: 'F32', shape: weight.shape, data: joinParts(weight, stateDict) },
    ]),
  );
}

/** Reads the tensors of `config`. @throws CheckpointError if any is missing, surplus, of another shape or not finite. */
export function fromMptWeights(
  config: AlibiConfig,
  stored: ReadonlyMap<string, Weight>,
): Map<string, StateTensor> {
  const weights = withPrefix(stored);
  const expected = namedWeights(config);
  const surplus = [...weights.keys()].find(
    (name) => !expected.has(name) && !(config.tieEmbeddings && name === OUTPUT),
  );
  if (surplus !== undefined) throw mismatch(surplus, 'the model of config.json has no such tensor');
  const found = new Map<string, Weight>();
  for (const [name, weight] of expected) {
    for (const [part, { shape, data }] of splitParts(weight, valuesOf(weights, name, weight.shape))) {
      found.set(part, { shape, dtype: 'F32', read: () => data });
    }
  }
  if (config.tieEmbeddings && weights.has(OUTPUT)) checkTied(weights, found);
  return readStateDict(config, found);
}

function withPrefix(stored: ReadonlyMap<string, Weight>): ReadonlyMap<string, Weight> {
  if (!stored.has(EMBEDDING)) return stored;
  return new Map([...stored].map(([name, weight]) => [name === OUTPUT ? name : `${PREFIX}${name}`, weight]));
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
function checkTied(weights: ReadonlyMap<string, Weight>, found: ReadonlyMap<string, Weight>): void {
  const embedding = found.get('tok_emb.weight');
  const expected = embedding?.read() ?? new Float32Array();
  const output = valuesOf(weights, OUTPUT, embedding?.shape ?? []);
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
