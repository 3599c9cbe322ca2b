/**
 * The timed training steps:
 *
 *   supervised  one optimiser step on 128 packed sequences of 64 tokens, for tiny and small
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
}

export interface StepCase {
  readonly name: string;
  /** True if the step can also run without recordings. (Decoding is always recorded.) */
  readonly eager: boolean;
  /** FLOPs by the usual count for training (`trainingFlops`); null for steps that also generate. */
  readonly flops: number | null;
  /** Make a model and its trainer. Return a function that runs one step to its end. */
  readonly prepare: (device: Device, options: StepForm) => () => Promise<StepRun>;
}

const CHECKPOINT = fileURLToPath(new URL('../tests/fixtures/checkpoints/tiny.pt', import.meta.url));

export interface SupervisedSize {
  readonly batch: number;
  readonly length: number;
}

export function supervisedCase(size: 'tiny' | 'small', { batch, length }: SupervisedSize): StepCase {
  const config = modelConfig(size, { vocabSize: VOCAB_SIZE });
  const known = supervisedWork(config, new Array<number>(batch).fill(length));
  return {
    name: `supervised step, ${size}, ${batch} × ${length}`,
    eager: true,
    flops: trainingFlops(config, batch, length),
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
    prepare: (device, { replay }) => {
      const policy = policyOf(device, size);
      const sampler = new Sampler(policy, { eos: EOS });
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
  grpoCase('grpo step', 'tiny'),
  grpoCase('rollout', 'tiny'),
  grpoCase('grpo step', 'small'),
];
