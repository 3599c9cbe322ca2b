/** The tensors of an MPT model by transformers' names, and the parameters they are here. */

import { type ModelConfig, parameterShapes } from '../../model/config.ts';
import { parameterLayout } from '../../model/layout.ts';
import { CheckpointError, quoted } from '../error.ts';
import type { NamedArray, StateDict, StateTensor } from '../index.ts';
import type { Weight } from '../open.ts';
import { readStateDict } from '../stateDict.ts';

/** `lm_head` is beside the transformer, which a file of an `MptModel` alone does not prefix. */
const PREFIX = 'transformer.';
const OUTPUT = 'lm_head.weight';
const EMBEDDING = 'wte.weight';

const OUTSIDE_BLOCKS: Readonly<Record<string, string>> = {
  'tok_emb.weight': `${PREFIX}${EMBEDDING}`,
  'norm_f.weight': `${PREFIX}norm_f.weight`,
  'out_proj.weight': OUTPUT,
};

const INSIDE_A_BLOCK: Readonly<Record<string, string>> = {
  norm1: 'norm_1',
  qkv: 'attn.Wqkv',
  out_proj: 'attn.out_proj',
  norm2: 'norm_2',
  linear1: 'ffn.up_proj',
  linear2: 'ffn.down_proj',
};

/** transformers' name of a parameter of `parameterLayout`: both have one matrix for q, k and v, in this order. */
function mptName(parameter: string): string {
  const [, block = '', layer = ''] = /^(blocks\.\d+)\.(\w+)\.weight$/.exec(parameter) ?? [];
  const name = block
    ? INSIDE_A_BLOCK[layer] && `${PREFIX}${block}.${INSIDE_A_BLOCK[layer]}.weight`
    : OUTSIDE_BLOCKS[parameter];
  if (name) return name;
  throw new CheckpointError('INTERNAL', quoted(parameter), 'MPT has no such tensor', 'please report this');
}

/** The tensors of `model.safetensors`. */
export function toMptWeights(config: ModelConfig, stateDict: StateDict): Map<string, NamedArray> {
  const tensors = new Map<string, NamedArray>();
  for (const [parameter, { shape, parts }] of parameterLayout(config)) {
    const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
    let offset = 0;
    for (const part of parts) {
      const values = stateDict.get(part)?.data;
      if (!values) {
        const fix = 'give a whole checkpoint';
        throw new CheckpointError('TENSOR_MISMATCH', quoted(part), 'it is missing', fix);
      }
      data.set(values, offset);
      offset += values.length;
    }
    tensors.set(mptName(parameter), { dtype: 'F32', shape, data });
  }
  return tensors;
}

/** Reads the tensors of `config`. Throws `CheckpointError` if any is missing, surplus, of another shape or not finite. */
export function fromMptWeights(
  config: ModelConfig,
  stored: ReadonlyMap<string, Weight>,
): Map<string, StateTensor> {
  const weights = withPrefix(stored);
  const layout = parameterLayout(config);
  const known = new Set([...layout.keys()].map(mptName));
  if (config.tieEmbeddings) known.add(OUTPUT);
  const surplus = [...weights.keys()].find((name) => !known.has(name));
  if (surplus !== undefined) throw mismatch(surplus, 'the model of config.json has no such tensor');
  const shapes = parameterShapes(config);
  const found = new Map<string, Weight>();
  for (const [parameter, { shape, parts }] of layout) {
    const values = valuesOf(weights, mptName(parameter), shape);
    const size = values.length / parts.length;
    parts.forEach((part, i) => {
      const data = values.slice(i * size, (i + 1) * size);
      found.set(part, { shape: shapes.get(part) ?? [], dtype: 'F32', read: () => data });
    });
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
