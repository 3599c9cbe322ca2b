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
import { modelConfig } from '../src/model/config.ts';
import { type CompletionSampler, Sampler } from '../src/model/sampler.ts';
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
  /** Samples the completions instead of a device that computes nothing. That one does the same work, for as many tokens. */
  readonly sampledOn?: Device;
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
  grpo: { tiny: 160, small: 500 },
} as const;

export function supervisedCase(size: StepSize, { batch, length }: SupervisedSize): StepCase {
  const config = modelConfig(size, { vocabSize: VOCAB_SIZE });
  const known = supervisedWork(config, new Array<number>(batch).fill(length));
  return {
    name: `supervised step, ${size}, ${batch} × ${length}`,
    eager: true,
    flops: trainingFlops(config, batch, length),
    timed: size !== 'medium',
    mostDispatches: MOST_DISPATCHES.supervised[size],
    prepare: (device, { replay }) => {
      const step = supervisedStep(device, config, { batch, length, replay });
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

export function policyOf(device: Device, size: 'tiny' | 'small'): Transformer {
  if (size === 'small') return Transformer.create(device, modelConfig(size, { vocabSize: VOCAB_SIZE }), 0);
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

/** Return a sampler that gives the completions of `source`, and lets `idle` generate as many tokens as the longest has. */
function inStep(idle: CompletionSampler, source: CompletionSampler): CompletionSampler {
  return {
    async generate(prompts, options) {
      const completions = await source.generate(prompts, options);
      const longest = Math.max(...completions.map(({ tokens }) => tokens.length));
      await idle.generate(prompts, { ...options, maxNewTokens: longest });
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
export function grpoCase(
  kind: 'grpo step' | 'rollout',
  size: 'tiny' | 'small',
  change: GrpoSize = {},
): StepCase {
  const options = grpoOptions(change);
  const { batchSize, groupSize, maxNewTokens } = options;
  const workOf = kind === 'rollout' ? rolloutWork : grpoWork;
  return {
    name: `${kind}, ${size}, ${batchSize} × ${groupSize} × ${maxNewTokens}`,
    eager: kind === 'grpo step',
    flops: null,
    timed: true,
    mostDispatches: kind === 'grpo step' ? MOST_DISPATCHES.grpo[size] : null,
    prepare: (device, { replay, sampledOn }) => {
      const policy = policyOf(device, size);
      const own = new Sampler(policy, { eos: EOS });
      const sampler = sampledOn ? inStep(own, new Sampler(policyOf(sampledOn, size), { eos: EOS })) : own;
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

const FULL: SupervisedSize = { batch: 128, length: 64 };

export const stepCases = (): StepCase[] => [
  supervisedCase('tiny', FULL),
  supervisedCase('small', FULL),
  supervisedCase('medium', FULL),
  grpoCase('grpo step', 'tiny'),
  grpoCase('rollout', 'tiny'),
  grpoCase('grpo step', 'small'),
];
