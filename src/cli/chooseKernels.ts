/** Chooses the kernels of a command: those tuned for its adapter before, or tuned now. */
import type { z } from 'zod';
import { Device, type DeviceOptions } from '../gpu/device.ts';
import type { KernelChoices } from '../gpu/kernelChoices.ts';
import { type AdapterKind, type OpenedAdapter, openAdapter } from '../gpu/node.ts';
import { choicesOf, type TuningResult, tune } from '../gpu/tuning.ts';
import { describe, type ModelConfig } from '../model/config.ts';
import { TUNING_ROWS } from '../model/tuneFor.ts';
import { tuningCases } from '../model/workload.ts';
import {
  adapterIdentity,
  addTunedKernels,
  readTunedKernels,
  tunedKernelsPath,
} from '../runs/tunedKernels.ts';
import type { outputSchema } from '../training/commandOptions.ts';
import type { Reporter } from './reporter.ts';

type Flags = z.output<typeof outputSchema>;

export type TuningFlags = Readonly<
  Pick<Flags, 'tune' | 'matmulPrecision'> & Partial<Pick<Flags, 'threads' | 'relaxed'>>
>;

/** Flags that an adapter is opened with. */
type AdapterFlags = Pick<TuningFlags, 'matmulPrecision' | 'threads' | 'relaxed'>;

/** Open an adapter with the features that the flags need. */
export function openTunable(
  name: string | undefined,
  flags: AdapterFlags & { readonly profile?: string | undefined },
) {
  const { threads, relaxed } = flags;
  const matrixUnits = flags.matmulPrecision === 'medium';
  // Dawn rounds timestamps to 65 µs unless told otherwise, longer than many dispatches take.
  const disableToggles = flags.profile === undefined ? [] : ['timestamp_quantization'];
  return openAdapter({
    ...(name === undefined ? {} : { name }),
    ...{ threads, relaxed, matrixUnits, disableToggles },
  });
}

/** Return the choices kept for the adapter, after tuning for the models if the flags say so. */
export async function tunedKernels(
  opened: OpenedAdapter,
  models: readonly ModelConfig[],
  flags: TuningFlags,
  reporter: Pick<Reporter, 'note' | 'bar'>,
): Promise<KernelChoices> {
  const { path } = placeOf(opened, flags);
  const kept = readTunedKernels(path);
  const missing = models.filter((model) => !kept.models.includes(nameOf(model)));
  const wanted = flags.tune === 'always' ? models : missing;
  if (wanted.length === 0 || !tunesNow(flags, opened.kind)) return kept.choices;
  reporter.note('Measuring which kernels are the fastest on this adapter (once; --tune never leaves it out)');
  try {
    await tuneModels(opened.name, wanted, flags, reporter);
  } catch (error) {
    // A driver that fails at a candidate still runs what it would have run.
    reporter.note(`Going on without: ${error instanceof Error ? error.message : String(error)}`);
  }
  return readTunedKernels(path).choices;
}

/** Name a model by its sizes and its shape: without biases other kernels run. */
const nameOf = (model: ModelConfig): string =>
  `${describe(model)}${'bias' in model && !model.bias ? ', no biases' : ''}`;

const tunesNow = ({ tune: when }: TuningFlags, kind: AdapterKind): boolean =>
  when === 'always' || (when === 'auto' && kind === 'hardware');

/** Tune every product of the models on a device of its own, and keep the choices. */
export async function tuneModels(
  name: string,
  models: readonly ModelConfig[],
  flags: AdapterFlags,
  reporter: Pick<Reporter, 'bar'>,
): Promise<{ readonly path: string; readonly results: readonly TuningResult[] }> {
  const opened = await openTunable(name, flags);
  const { path, identity } = placeOf(opened, flags);
  const options: DeviceOptions = { matmulPrecision: flags.matmulPrecision };
  const device = await Device.open(opened.adapter, options);
  const cases = models.flatMap((model) => tuningCases(model, TUNING_ROWS));
  const bar = reporter.bar('Tuning', cases.length);
  try {
    const results = await tune(device, cases, { progress: (done) => bar.update(done) });
    addTunedKernels(path, identity, { models: models.map(nameOf), choices: choicesOf(results) });
    return { path, results };
  } finally {
    bar.stop();
    device.destroy();
  }
}

function placeOf({ adapter }: OpenedAdapter, { matmulPrecision }: Pick<TuningFlags, 'matmulPrecision'>) {
  const identity = adapterIdentity(adapter, matmulPrecision);
  return { identity, path: tunedKernelsPath(identity) };
}
