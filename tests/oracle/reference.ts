/** Reads the committed reference numbers: of the original model, of PyTorch and of transformers. */
import { readFileSync } from 'node:fs';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { type Array64, parameter } from './array.ts';

const fixtures = new URL('../fixtures/', import.meta.url);

/** A file of tests/fixtures/reference, taken to have the shape `T`. */
export function referenceJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`reference/${name}.json`, fixtures), 'utf8')) as T;
}

/** The weights of a committed checkpoint as leaves with gradients, by their original names. */
export function referenceWeights(name: 'tiny' | 'moe_tiny'): Map<string, Array64> {
  const { tensors } = readSafetensors(readFileSync(new URL(`checkpoints/${name}.safetensors`, fixtures)));
  return new Map(
    [...tensors].map(([tensor, { data, shape }]) => [
      tensor,
      parameter(Float64Array.from(data, Number), shape),
    ]),
  );
}

/** Numbers in fixtures: strings stand for values that JSON lacks. */
export type FixtureNumber = number | 'inf' | '-inf' | 'nan';

export function numbers(values: readonly FixtureNumber[]): Float64Array {
  const special = { inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY, nan: Number.NaN };
  return Float64Array.from(values, (value) => (typeof value === 'number' ? value : special[value]));
}

/** A llama of transformers' names, as llama.json holds it. */
export interface LlamaReference {
  readonly config: {
    readonly num_attention_heads: number;
    readonly num_key_value_heads: number;
    readonly num_hidden_layers: number;
    readonly head_dim: number;
    readonly rope_theta: number;
    readonly rms_norm_eps: number;
    readonly tie_word_embeddings: boolean;
  };
  readonly params: Record<string, { readonly shape: number[]; readonly data: number[] }>;
  readonly sequences: readonly { readonly tokens: number[]; readonly logits: number[][] }[];
}
