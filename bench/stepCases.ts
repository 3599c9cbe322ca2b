/**
 * The timed training steps:
 *
 *   supervised  one optimiser step on 128 packed sequences of 64 tokens, for tiny and small; for medium its dispatches are
 *               counted, but it is not timed
 *   grpo        one GRPO step at the original's settings: 32 problems × 4 completions of up to 256 tokens, every default
 *               operator, 2 digits, depth 3; tiny from the original's checkpoint, small with random weights, whose
 *               completions end by chance: after some 58 tokens on average, and one or two in 128 not before the 256th
 *   rollout     only the rollout of tiny
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readCheckpoint } from '../src/formats/index.ts';
import type { Device } from '../src/gpu/device.ts';
import { grpoOptions } from '../src/grpo/options.ts';
import { GrpoTrainer } from '../src/grpo/trainer.ts';
import { defaultsOf } from '../src/kernels/defaults.ts';
import { type ModelConfig, modelConfig } from '../src/model/config.ts';
import { CHUNK, type CompletionSampler, Sampler } from '../src/model/sampler.ts';
import { Transformer } from '../src/model/transformer.ts';
import { ARITHMETIC } from '../src/tasks/arithmetic/task.ts';
import { EOS, VOCAB_SIZE } from '../src/tasks/arithmetic/tokenizer.ts';
import type { KnownWork } from './profile.ts';
import { total } from './statistics.ts';
import { grpoWork, rolloutWork, type SequenceLengths, supervisedWork, trainingFlops } from './stepWork.ts';
import { supervisedStep } from './supervisedStep.ts';

/** Measurements of one step. */
export interface StepRun {
  readonly seconds: number;
  /** CPU seconds to encode and submit the step; null if encoding waits for the GPU. */
  readonly cpu: number | null;
  /** Tokens without padding: the inputs of a supervised step, the prompts and completions of a rollout. */
  readonly tokens: number;
  readonly known: readonly KnownWork[];
}

/** The form in which a step runs. */
export interface StepForm {
  readonly replay: boolean;
  /**
   * Makes what samples the completions for a device that computes nothing. That one has no weights, and generates as many tokens
   * without a use for them.
   */
  readonly source?: (size: StepSize) => CompletionSampler;
}

/** A size of the model. */
export type StepSize = 'tiny' | 'small' | 'medium';

export interface StepCase {
  readonly name: string;
  /** True if the step can also run without recordings. (Decoding is always recorded.) */
  readonly eager: boolean;
  /** FLOPs by the usual count for training (`trainingFlops`); null for steps that also generate. */
  readonly flops: number | null;
  /** False for a step that takes too long to be timed on a CPU. */
  readonly timed: boolean;
  /** Dispatches that a step takes on a GPU, at most; null without a limit. */
  readonly mostDispatches: number | null;
  /** Make a model and its trainer. Return a function that runs one step to its end. */
  readonly prepare: (device: Device, options: StepForm) => () => Promise<StepRun>;
}

const CHECKPOINT = fileURLToPath(new URL('../tests/fixtures/checkpoints/tiny.pt', import.meta.url));

export interface SupervisedSize {
  readonly batch: number;
  readonly length: number;
}

/** Most dispatches of a step on a GPU, where each costs 5 to 10 µs: a step of `tiny` computes for about a millisecond. */
const MOST_DISPATCHES = {
  supervised: { tiny: 60, small: 100, medium: 190 },
  grpo: { tiny: 160, small: 500, medium: null },
} as const;

export function supervisedCase(size: StepSize, { batch, length }: SupervisedSize): StepCase {
  const config = configOf(size);
  const known = supervisedWork(config, new Array<number>(batch).fill(length));
  return {
    name: `supervised step, ${size}, ${batch} × ${length}`,
    eager: true,
    flops: trainingFlops(config, batch, length),
    timed: size !== 'medium',
    mostDispatches: MOST_DISPATCHES.supervised[size],
    prepare: (device, { replay, source }) => {
      const model = source ? new Transformer(device, config) : Transformer.create(device, config, 0);
      const step = supervisedStep(model, { batch, length, replay });
      return async () => {
        using _ = device.scope();
        await device.idle();
        const started = performance.now();
        const loss = step();
        device.flush();
        const cpu = (performance.now() - started) / 1000;
        await loss.item();
        return { seconds: (performance.now() - started) / 1000, cpu, tokens: batch * length, known };
      };
    },
  };
}

const configOf = (size: StepSize): ModelConfig => modelConfig(size, { vocabSize: VOCAB_SIZE });

export function policyOf(device: Device, size: StepSize): Transformer {
  if (size !== 'tiny') return Transformer.create(device, configOf(size), 0);
  const { config, stateDict } = readCheckpoint(readFileSync(CHECKPOINT), 'tiny.pt');
  return new Transformer(device, config, stateDict);
}

/** Watch a sampler. Return a function that gives the sequence lengths of its latest generation. */
function watched(sampler: CompletionSampler): () => readonly SequenceLengths[] {
  const generate = sampler.generate.bind(sampler);
  let latest: SequenceLengths[] = [];
  sampler.generate = async (prompts, options) => {
    const completions = await generate(prompts, options);
    latest = completions.map(({ prompt, tokens }) => ({
      prompt: prompts[prompt]?.length ?? 0,
      completion: tokens.length,
    }));
    return completions;
  };
  return () => latest;
}

/** Return a sampler that gives the completions of `source`, and lets `idle` do the work of a device that sampled them. */
function inStep(idle: Sampler, source: CompletionSampler): CompletionSampler {
  return {
    async generate(prompts, options) {
      const completions = await source.generate(prompts, options);
      const longest = Math.max(...completions.map(({ tokens }) => tokens.length));
      // A sampler learns only after a chunk that all sequences are finished, on GPUs after the next one.
      const chunks = Math.ceil((longest - 1) / CHUNK) + (defaultsOf(idle.model.device).chunksAhead ? 1 : 0);
      const maxNewTokens = Math.min(options.maxNewTokens, 1 + chunks * CHUNK);
      await idle.generate(prompts, { ...options, maxNewTokens });
      return completions;
    },
    dispose() {
      source.dispose();
      idle.dispose();
    },
  };
}

/** Options of the trainer that differ from the original's settings. */
export interface GrpoSize {
  readonly batchSize?: number;
  readonly groupSize?: number;
  readonly maxNewTokens?: number;
}

/** Return the case of a GRPO step, or only of its rollout. */
export function grpoCase(kind: 'grpo step' | 'rollout', size: StepSize, change: GrpoSize = {}): StepCase {
  const options = grpoOptions(change);
  const { batchSize, groupSize, maxNewTokens } = options;
  const workOf = kind === 'rollout' ? rolloutWork : grpoWork;
  return {
    name: `${kind}, ${size}, ${batchSize} × ${groupSize} × ${maxNewTokens}`,
    eager: kind === 'grpo step',
    flops: null,
    timed: size !== 'medium',
    mostDispatches: kind === 'grpo step' ? MOST_DISPATCHES.grpo[size] : null,
    prepare: (device, { replay, source }) => {
      const policy = source ? new Transformer(device, configOf(size)) : policyOf(device, size);
      const own = new Sampler(policy, { eos: EOS });
      const sampler = source ? inStep(own, source(size)) : own;
      const trainer = new GrpoTrainer(policy, options, { task: ARITHMETIC, sampler, capture: { replay } });
      const lengths = watched(trainer.sampler);
      const { config } = trainer.policy;
      return async () => {
        await device.idle();
        const started = performance.now();
        await (kind === 'rollout' ? trainer.rollout() : trainer.step());
        await device.idle();
        const seconds = (performance.now() - started) / 1000;
        const sequences = lengths();
        const tokens = total(sequences.map(({ prompt, completion }) => prompt + completion));
        return { seconds, cpu: null, tokens, known: workOf(config, sequences, groupSize) };
      };
    },
  };
}

/** Return the training steps whose kernels are counted: a supervised step and a GRPO step of each size. */
export const costCases = (): StepCase[] =>
  (['tiny', 'small', 'medium'] as const).flatMap((size) => [
    supervisedCase(size, FULL),
    grpoCase('grpo step', size),
  ]);

const FULL: SupervisedSize = { batch: 128, length: 64 };

export const stepCases = (): StepCase[] => [
  supervisedCase('tiny', FULL),
  supervisedCase('small', FULL),
  supervisedCase('medium', FULL),
  grpoCase('grpo step', 'tiny'),
  grpoCase('rollout', 'tiny'),
  grpoCase('grpo step', 'small'),
];
