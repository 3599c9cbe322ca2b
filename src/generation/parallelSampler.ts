/**
 * Generation by several processes in parallel, for adapters that compute on the CPU. A decoding step is some twenty
 * dispatches of microseconds. To distribute each over the driver's threads costs more time than the threads save. So
 * every process has a device whose driver uses no threads, and generates a share of the prompts.
 */
import { availableParallelism } from 'node:os';
import { MathformerError } from '../base/errors.ts';
import type { Device } from '../gpu/device.ts';
import { isWebAssembly } from '../gpu/waiting.ts';
import {
  type Completion,
  type CompletionSampler,
  checkedSampling,
  endId,
  type SampleOptions,
  type SamplerOptions,
  type Sampling,
} from '../model/completions.ts';
import type { ModelConfig } from '../model/config.ts';
import { Sampler } from '../model/sampler.ts';
import type { Transformer } from '../model/transformer.ts';
import type { Setup } from './messages.ts';
import { SamplerChild, type Weights } from './samplerChild.ts';

/** Maximum number of processes. More were not measured. */
const MOST_PROCESSES = 4;
/** Maximum width of a model. In wider models dispatches are long enough for the driver's threads. */
const WIDEST = 256;

/**
 * Return the number of processes with which a model generates fastest: on lavapipe one for each core, at most 4. Return 0
 * (use a `Sampler`) on other adapters, for wide models, if the environment sets `LP_NUM_THREADS`, and for devices with
 * `profile`, `debug` or `memoryLimit`.
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
 * Return a `ParallelSampler` with `processes` processes, or a `Sampler` for 0. Default: `generationProcesses`. The caller
 * disposes of it.
 */
export function samplerOf(
  model: Transformer,
  {
    processes = generationProcesses(model.device, model.config),
    eos,
  }: SamplerOptions & Partial<ParallelSamplerOptions>,
): CompletionSampler {
  return processes === 0 ? new Sampler(model, { eos }) : new ParallelSampler(model, { processes, eos });
}

/** Options of a `ParallelSampler`. */
export interface ParallelSamplerOptions extends SamplerOptions {
  /** Number of processes, 1 or more. */
  readonly processes: number;
}

/**
 * Sample as `Sampler` does, to the same bits, from the model's current weights. The processes start when they are first
 * needed, and end with this process.
 */
export class ParallelSampler implements CompletionSampler {
  readonly #model: Transformer;
  readonly #processes: SamplerChild[];
  /** Settles when the processes are free. */
  #idle: Promise<unknown> = Promise.resolve();

  /** @throws MathformerError if `processes` is not an integer of at least 1. */
  constructor(model: Transformer, { processes, eos }: ParallelSamplerOptions) {
    if (isWebAssembly(model.device.info)) {
      throw new MathformerError('the adapter wasm generates with threads of its own, not in processes', {
        ...{ code: 'BAD_ARGUMENT', where: 'generation', fix: 'leave out --generation_processes, or give 0' },
      });
    }
    if (!Number.isInteger(processes) || processes < 1) {
      throw new MathformerError(`${processes} processes cannot generate`, {
        code: 'BAD_OPTION',
        where: 'ParallelSampler',
        fix: 'give an integer of at least 1, or use samplerOf, which accepts 0',
      });
    }
    const { device, config } = model;
    const setup: Setup = {
      adapter: device.info.description,
      device: { ...device.options, kernelChoices: device.choices, profile: false },
      model: config,
      eos: endId(eos),
    };
    this.#model = model;
    this.#processes = Array.from({ length: processes }, () => new SamplerChild(setup));
  }

  /**
   * Sample `groupSize` completions of every prompt, in order. Calls run one after another. A process that ends is replaced
   * once.
   * @throws GpuError if a process cannot generate; MathformerError for invalid options.
   */
  async generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    const sampling = checkedSampling(prompts, options, this.#model.config.vocabSize);
    const turn = this.#idle.then(() => this.#generate(sampling));
    this.#idle = turn.catch(() => {});
    return turn;
  }

  /** End the processes and cancel what they generate. The next `generate` starts them again. */
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
    // Wait for all, even after a failure, so that none is still busy at the next call.
    const settled = await Promise.allSettled(parts);
    return settled.flatMap((part) => {
      if (part.status === 'rejected') throw part.reason;
      return part.value;
    });
  }
}

/** Return a model's current weights. They are read once, when the first process needs them. */
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
