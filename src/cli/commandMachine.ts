/** The machine a command runs on. */
import { availableParallelism } from 'node:os';
import { Device } from '../gpu/device.ts';
import type { KernelChoices } from '../gpu/kernelChoices.ts';
import type { OpenedAdapter } from '../gpu/node.ts';
import type { ModelConfig } from '../model/config.ts';
import { gitCommit, versions } from '../runs/provenance.ts';
import type { SessionFlags } from '../training/commandOptions.ts';
import { type AdapterRecord, type Machine, machineOf } from '../training/machine.ts';
import { openTunable, type TuningFlags, tunedKernels } from './chooseKernels.ts';
import { reportProfile } from './profile.ts';
import type { Reporter } from './reporter.ts';

/** Flags that choose and configure the device. */
export interface MachineFlags
  extends TuningFlags,
    Readonly<Partial<Pick<SessionFlags, 'adapter' | 'debug' | 'profile'>>> {
  /** Most bytes of GPU memory to use. */
  readonly memoryLimit?: number | undefined;
  /** The kernels that a run used before, and the description of the adapter that it used them on. */
  readonly earlierKernels?: { readonly adapter: string; readonly choices: KernelChoices } | undefined;
}

/** An open machine. Disposing of it frees it, so that the process can exit. */
export interface OpenedMachine extends Machine {
  /** Write the profile, and print what it shows, if one was asked for. */
  reportProfile(): Promise<void>;
}

/**
 * Open the adapter of that name, or the best one, with the kernels that are the fastest for these models.
 * @throws AdapterError if there is none.
 */
export async function openMachine(
  flags: MachineFlags,
  reporter: Pick<Reporter, 'line' | 'note' | 'bar'>,
  models: readonly ModelConfig[],
): Promise<OpenedMachine> {
  const { debug = false, profile, matmulPrecision, memoryLimit, earlierKernels: earlier } = flags;
  const opened = await openTunable(flags.adapter, flags);
  noteThreads(opened, reporter);
  const { name, kind, description } = opened;
  const kernelChoices =
    earlier?.adapter === description ? earlier.choices : await tunedKernels(opened, models, flags, reporter);
  const limits = memoryLimit === undefined ? {} : { memoryLimit };
  const options = { debug, profile: profile !== undefined, matmulPrecision, kernelChoices, ...limits };
  const device = await Device.open(opened.adapter, options);
  const provenance = { versions: versions(), gitCommit: gitCommit() };
  return {
    ...machineOf(device, provenance, { name, kind, description }),
    async reportProfile() {
      if (profile !== undefined) await reportProfile(device, profile, (line) => reporter.line(line));
    },
  };
}

/** Note that more threads than cores wait for each other. */
function noteThreads({ wasm }: OpenedAdapter, reporter: Pick<Reporter, 'note'>): void {
  const cores = availableParallelism();
  if (wasm && wasm.threads > cores)
    reporter.note(`${wasm.threads} threads share ${cores} cores: as many threads as cores are faster`);
}

/** Work on a machine, and report its profile. @throws AdapterError if there is none. */
export async function withMachine<Result>(
  flags: MachineFlags,
  reporter: Pick<Reporter, 'line' | 'note' | 'bar'>,
  models: readonly ModelConfig[],
  work: (machine: Machine) => Promise<Result>,
): Promise<Result> {
  await using machine = await openMachine(flags, reporter, models);
  const result = await work(machine);
  await machine.reportProfile();
  return result;
}

/** `Device: lavapipe (llvmpipe …)`. */
export function deviceText({ name, description }: Pick<AdapterRecord, 'name' | 'description'>): string {
  return name === description ? `Device: ${name}` : `Device: ${name} (${description})`;
}
