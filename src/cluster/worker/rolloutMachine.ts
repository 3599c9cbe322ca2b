/** The machine of a worker: it holds the weights of one model and completes prompts. */
import type { Device } from '../../gpu/device.ts';
import type { Completion, CompletionSampler, SampleOptions } from '../../model/completions.ts';
import type { ModelConfig } from '../../model/config.ts';
import { Sampler } from '../../model/sampler.ts';
import { Transformer } from '../../model/transformer.ts';
import type { Spec } from '../protocol/spec.ts';
import { readWeights } from '../protocol/weights.ts';

/** Completes prompts with the weights of one model. All of it ends with the machine. */
export interface RolloutMachine extends AsyncDisposable {
  /** Take other weights, a safetensors file. @throws ClusterError (`BAD_MESSAGE`) if they are not of the model. */
  load(weights: Uint8Array): void;
  /** Sample completions of every prompt, in order. */
  generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]>;
  /** After a failure: resolve to true if the device is lost. */
  lost(): Promise<boolean>;
}

/** Opens a machine for a run's spec, whose model is checked. */
export type OpenRolloutMachine = (spec: Spec, model: ModelConfig) => Promise<RolloutMachine>;

/** Makes a sampler of a model's present weights. */
export type MakeSampler = (model: Transformer, eos: number) => CompletionSampler;

const localSampler: MakeSampler = (model, eos) => new Sampler(model, { eos });

/** Make a machine of an open device, which is destroyed with it. */
export function rolloutMachineOf(
  device: Device,
  config: ModelConfig,
  { eos }: Pick<Spec, 'eos'>,
  makeSampler: MakeSampler = localSampler,
): RolloutMachine {
  const model = new Transformer(device, config);
  const sampler = makeSampler(model, eos);
  return {
    load: (weights) => model.load(readWeights(weights, config)),
    generate: (prompts, options) => sampler.generate(prompts, options),
    lost: () => device.lost(),
    async [Symbol.asyncDispose]() {
      sampler.dispose();
      model.dispose();
      device.destroy();
    },
  };
}
