/** The kernels a command runs with: those that were tuned for its adapter, tuned now if they have not been. */
import { Device, type DeviceOptions } from '../gpu/device.ts';
import type { KernelChoices } from '../gpu/kernelChoices.ts';
import { type AdapterKind, type OpenedAdapter, openAdapter } from '../gpu/node.ts';
import { choicesOf, type TuningResult, tune } from '../gpu/tuner.ts';
import { describe, type ModelConfig } from '../model/config.ts';
import { type TuningRows, tuningCases } from '../model/tuningCases.ts';
import {
  adapterIdentity,
  addTunedKernels,
  readTunedKernels,
  tunedKernelsPath,
} from '../runs/tunedKernels.ts';
import type { Reporter } from './reporter.ts';

/** When a command measures which kernels are the fastest: `auto` is on GPUs only, once for each model. */
export const TUNING = ['auto', 'always', 'never'] as const;
/** As PyTorch's `set_float32_matmul_precision`. */
export const PRECISIONS = ['highest', 'medium'] as const;

export interface TuningFlags {
  readonly tune: (typeof TUNING)[number];
  readonly matmulPrecision: (typeof PRECISIONS)[number];
}

/** What training and decoding work on at once by default. */
const ROWS: TuningRows = { training: 8192, decoding: 128 };

/** Opens an adapter with what the flags need of it. */
export function openTunable(
  name: string | undefined,
  flags: Pick<TuningFlags, 'matmulPrecision'> & { readonly profile?: string | undefined },
) {
  const matrixUnits = flags.matmulPrecision === 'medium';
  // Dawn rounds timestamps to 65 µs unless told otherwise, longer than many dispatches take.
  const disableToggles = flags.profile === undefined ? [] : ['timestamp_quantization'];
  return openAdapter({ ...(name === undefined ? {} : { name }), matrixUnits, disableToggles });
}

/** The choices kept for the adapter, after tuning for the model if the flags say so. */
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

/** The shape counts too: without biases the products are other kernels. */
const nameOf = (model: ModelConfig): string => `${describe(model)}${model.bias ? '' : ', no biases'}`;

const tunesNow = ({ tune: when }: TuningFlags, kind: AdapterKind): boolean =>
  when === 'always' || (when === 'auto' && kind === 'hardware');

/** Tunes for every product of the models, on a device of its own, and keeps the choices. */
export async function tuneModels(
  name: string,
  models: readonly ModelConfig[],
  flags: Pick<TuningFlags, 'matmulPrecision'>,
  reporter: Pick<Reporter, 'bar'>,
): Promise<{ readonly path: string; readonly results: readonly TuningResult[] }> {
  const opened = await openTunable(name, flags);
  const { path, identity } = placeOf(opened, flags);
  const options: DeviceOptions = { matmulPrecision: flags.matmulPrecision };
  const device = await Device.open(opened.adapter, options);
  const cases = models.flatMap((model) => tuningCases(model, ROWS));
  const bar = reporter.bar('Tuning', cases.length);
  try {
    const results = await tune(device, cases, (done) => bar.update(done));
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
