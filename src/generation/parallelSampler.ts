/**
 * Generation by several processes side by side, for adapters that compute on the CPU. A decoding step is some twenty
 * launches of microseconds: handing each to the driver's threads costs more than they gain. So every process has a
 * device without threads of its own, and generates a share of the prompts; cores are used by the processes.
 */
import { availableParallelism } from 'node:os';
import { MathformerError } from '../base/errors.ts';
import type { Device } from '../gpu/device.ts';
import type { ModelConfig } from '../model/config.ts';
import { Sampler } from '../model/sampler.ts';
import {
  type Completion,
  type CompletionSampler,
  checkEos,
  checkedSampling,
  type SampleOptions,
  type Sampling,
} from '../model/sampling.ts';
import type { Transformer } from '../model/transformer.ts';
import { EOS } from '../tasks/arithmetic/tokenizer.ts';
import type { Setup } from './messages.ts';
import { SamplerChild, type Weights } from './samplerChild.ts';

/** More were not measured. */
const MOST_PROCESSES = 4;
/** In wider models launches are long enough for the driver's own threads. */
const WIDEST = 256;

/**
 * With how many processes a model generates the fastest: one for each core on lavapipe, 4 at most, unless the model is
 * wide, the environment shares out the driver's threads already (`LP_NUM_THREADS`), or the device is watched or bounded
 * (profile, debug, memoryLimit). 0 elsewhere: a `Sampler` is faster.
 */
export function generationProcesses(
  { info, options }: Pick<Device, 'info' | 'options'>,
  { dModel }: Pick<ModelConfig, 'dModel'>,
): number {
  const { profile, debug, memoryLimit } = options;
  if (profile || debug || memoryLimit !== undefined || process.env.LP_NUM_THREADS !== undefined) return 0;
  if (!/llvmpipe|lavapipe/i.test(info.description) || dModel > WIDEST) return 0;
  return Math.min(availableParallelism(), MOST_PROCESSES);
}

/**
 * A `ParallelSampler` with so many processes, or a `Sampler` for 0; by default what `generationProcesses` says. The caller
 * disposes of it.
 */
export function samplerOf(
  model: Transformer,
  {
    processes = generationProcesses(model.device, model.config),
    eos = EOS,
  }: Partial<ParallelSamplerOptions> = {},
): CompletionSampler {
  return processes === 0 ? new Sampler(model, { eos }) : new ParallelSampler(model, { processes, eos });
}

/** How many processes a `ParallelSampler` has, and what ends a completion. */
export interface ParallelSamplerOptions {
  /** 1 or more. */
  readonly processes: number;
  /** The id that ends a completion: that of arithmetic unless given. */
  readonly eos?: number;
}

/**
 * Samples as `Sampler` does, to the same bits, from a model's current weights, in processes that are started when they
 * are first needed and end with this one.
 */
export class ParallelSampler implements CompletionSampler {
  readonly #model: Transformer;
  readonly #processes: SamplerChild[];
  /** Settled when the processes are free. */
  #idle: Promise<unknown> = Promise.resolve();

  /** @throws MathformerError unless there is a process. */
  constructor(model: Transformer, { processes, eos = EOS }: ParallelSamplerOptions) {
    if (!Number.isInteger(processes) || processes < 1) {
      throw new MathformerError(`${processes} processes cannot generate`, {
        code: 'BAD_OPTION',
        where: 'ParallelSampler',
        fix: 'give 1 or more, or take samplerOf, which knows what 0 means',
      });
    }
    checkEos(eos);
    const { device, config } = model;
    const setup: Setup = {
      adapter: device.info.description,
      device: { ...device.options, kernelChoices: device.choices, profile: false },
      model: config,
      eos,
    };
    this.#model = model;
    this.#processes = Array.from({ length: processes }, () => new SamplerChild(setup));
  }

  /**
   * Samples `groupSize` completions of every prompt, in order. Calls take turns. A process that ends is replaced once.
   * @throws GpuError if a process cannot generate, MathformerError for bad options.
   */
  async generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    const sampling = checkedSampling(prompts, options, this.#model.config.vocabSize);
    const turn = this.#idle.then(() => this.#generate(sampling));
    this.#idle = turn.catch(() => {});
    return turn;
  }

  /** Ends the processes, and with them what they are generating; they start again if they are needed. */
  dispose(): void {
    for (const each of this.#processes) each.end();
  }

  async #generate({ prompts, options }: Sampling): Promise<Completion[]> {
    const { groupSize = 1, firstSequenceId = 0 } = options;
    const weights = currentWeights(this.#model);
    const share = Math.ceil(prompts.length / this.#processes.length);
    const parts = this.#processes.map(async (each, i): Promise<Completion[]> => {
      const first = i * share;
      const own = prompts.slice(first, first + share);
      if (own.length === 0) return [];
      const ids = { firstSequenceId: firstSequenceId + first * groupSize };
      const completions = await each.generate(weights, { prompts: own, options: { ...options, ...ids } });
      return completions.map((completion) => ({ ...completion, prompt: first + completion.prompt }));
    });
    // All are waited for, so that none is still busy when the next call comes.
    const settled = await Promise.allSettled(parts);
    return settled.flatMap((part) => {
      if (part.status === 'rejected') throw part.reason;
      return part.value;
    });
  }
}

/** A model's weights as they are at the time, read once, and only if somebody lacks them. */
function currentWeights({ parameters }: Transformer): Weights {
  let values: Promise<Float32Array<ArrayBuffer>> | undefined;
  return {
    version: parameters.version,
    read: () => {
      values ??= parameters.data();
      return values;
    },
  };
}
