/** Compute the work of training steps from the lengths of their sequences. */
import type { ModelConfig } from '../src/model/config.ts';
import { parameterShapes } from '../src/model/stateDict.ts';
import { WORD } from './kernelCase.ts';
import type { KnownWork } from './profile.ts';
import { total } from './statistics.ts';

/** Tokens of a prompt, and of one of its completions. */
export interface SequenceLengths {
  readonly prompt: number;
  readonly completion: number;
}

/** Words of a sequence's state: read and written when a token is sampled. */
const STATE_WORDS = 4;

/** FLOPs of training on `batch` sequences of `length` tokens, by the usual count: 6 per parameter and token, and attention. */
export function trainingFlops(config: ModelConfig, batch: number, length: number): number {
  const parameters = total(
    [...parameterShapes(config).values()].map((shape) => shape.reduce((product, n) => product * n, 1)),
  );
  return batch * length * 6 * (parameters + config.nLayers * config.dModel * length);
}

/** FLOPs of one product of attention: all layers and heads, the lower triangle of every sequence. */
const attentionProduct = ({ nLayers, dModel }: ModelConfig, lengths: readonly number[]): number =>
  nLayers * dModel * total(lengths.map((T) => T * (T + 1)));

/** Attention in a supervised step: two products forward, five backward. */
export function supervisedWork(config: ModelConfig, lengths: readonly number[]): KnownWork[] {
  const product = attentionProduct(config, lengths);
  return [
    { kernel: 'attention forward', flops: 2 * product },
    { kernel: 'attention backward', flops: 5 * product },
  ];
}

/** A rollout with its key-value cache; `groupSize` completions share a prompt, which is computed once. */
export function rolloutWork(
  config: ModelConfig,
  sequences: readonly SequenceLengths[],
  groupSize: number,
): KnownWork[] {
  const { nLayers, dModel, vocabSize } = config;
  const prompts = sequences.filter((_, i) => i % groupSize === 0).map(({ prompt }) => prompt);
  // The first token comes from the prompt; the one before each other attends to all up to itself.
  const positions = sequences.flatMap(({ prompt, completion }) =>
    Array.from({ length: completion - 1 }, (_, i) => prompt + i),
  );
  const sampled = total(sequences.map(({ completion }) => completion));
  const copied = total(sequences.map(({ prompt }) => prompt));
  return [
    { kernel: 'attention forward', flops: 2 * attentionProduct(config, prompts) },
    {
      kernel: 'decode attention',
      flops: nLayers * dModel * 4 * total(positions.map((position) => position + 1)),
      bytes: nLayers * dModel * WORD * total(positions.map((position) => 2 * position + 6)),
    },
    { kernel: 'fill cache', bytes: nLayers * dModel * WORD * 2 * (total(prompts) + copied) },
    { kernel: 'sample', bytes: sampled * WORD * (vocabSize + 3 * STATE_WORDS + 3) },
  ];
}

/** A GRPO step: its rollout, then forward by the policy and the reference, and backward. */
export function grpoWork(
  config: ModelConfig,
  sequences: readonly SequenceLengths[],
  groupSize: number,
): KnownWork[] {
  const lengths = sequences.map(({ prompt, completion }) => prompt + completion - 1);
  const product = attentionProduct(config, lengths);
  const [prefill, ...rollout] = rolloutWork(config, sequences, groupSize);
  return [
    { kernel: 'attention forward', flops: (prefill?.flops ?? 0) + 2 * 2 * product },
    { kernel: 'attention backward', flops: 5 * product },
    ...rollout,
  ];
}
