/** The device a command runs on, freed at its end so that the process can exit. */
import { samplerOf } from '../generation/index.ts';
import { Device } from '../gpu/device.ts';
import type { KernelChoices } from '../gpu/kernelChoices.ts';
import type { AdapterKind } from '../gpu/node.ts';
import type { ModelConfig } from '../model/config.ts';
import type { CompletionSampler } from '../model/sampling.ts';
import type { Transformer } from '../model/transformer.ts';
import { reportProfile } from './profile.ts';
import type { Reporter } from './reporter.ts';
import { openTunable, type TuningFlags, tunedKernels } from './tuning.ts';

/** What config.json and summary.json say of the adapter. */
export interface AdapterRecord {
  readonly name: string;
  readonly kind: AdapterKind;
  readonly description: string;
}

export interface Machine {
  readonly device: Device;
  readonly adapter: AdapterRecord;
  /** What generates with a model on the device, by the quickest way for the adapter; it ends with the machine. */
  sampler(model: Transformer, eos: number): CompletionSampler;
}

/** Flags that choose and configure the device. */
export interface MachineFlags extends TuningFlags {
  readonly adapter?: string | undefined;
  readonly debug?: boolean;
  /** Where to write a trace of every dispatch. */
  readonly profile?: string | undefined;
  /** Most bytes of GPU memory to use. */
  readonly memoryLimit?: number | undefined;
  /** How many processes generate; 0 generates on the device. By default what is the quickest for the adapter. */
  readonly generationProcesses?: number | undefined;
  /** The kernels that a run used before, and the description of the adapter that it used them on. */
  readonly earlierKernels?: { readonly adapter: string; readonly choices: KernelChoices } | undefined;
}

/**
 * Works on the adapter of that name, or the best one, with the kernels that are the fastest for these models, and
 * reports the profile if one was asked for.
 * @throws AdapterError if there is none.
 */
export async function withMachine<Result>(
  flags: MachineFlags,
  reporter: Pick<Reporter, 'line' | 'note' | 'bar'>,
  models: readonly ModelConfig[],
  work: (machine: Machine) => Promise<Result>,
): Promise<Result> {
  const {
    adapter: name,
    debug = false,
    profile,
    matmulPrecision,
    memoryLimit,
    earlierKernels: earlier,
  } = flags;
  const opened = await openTunable(name, flags);
  const { kind, description } = opened;
  const kernelChoices =
    earlier?.adapter === description ? earlier.choices : await tunedKernels(opened, models, flags, reporter);
  const limits = memoryLimit === undefined ? {} : { memoryLimit };
  const options = { debug, profile: profile !== undefined, matmulPrecision, kernelChoices, ...limits };
  const device = await Device.open(opened.adapter, options);
  const { generationProcesses: processes } = flags;
  const samplers: CompletionSampler[] = [];
  const sampler = (model: Transformer, eos: number): CompletionSampler => {
    const made = samplerOf(model, { eos, ...(processes === undefined ? {} : { processes }) });
    samplers.push(made);
    return made;
  };
  try {
    const result = await work({ device, adapter: { name: opened.name, kind, description }, sampler });
    if (profile !== undefined) await reportProfile(device, profile, (line) => reporter.line(line));
    return result;
  } finally {
    for (const each of samplers) each.dispose();
    device.destroy();
  }
}

/** `Device: lavapipe (llvmpipe …)`. */
export function deviceText({ name, description }: Pick<AdapterRecord, 'name' | 'description'>): string {
  return name === description ? `Device: ${name}` : `Device: ${name} (${description})`;
}
