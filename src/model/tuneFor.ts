/** Tune the kernels of a device for a model, once: the choices are kept for later devices on the adapter. */
import { keptChoicesOf } from '../gpu/autoTuning.ts';
import type { Device } from '../gpu/device.ts';
import { choicesOf, type TuningResult, tune } from '../gpu/tuning.ts';
import type { ModelConfig } from './config.ts';
import { type TuningRows, tuningCases } from './workload.ts';

/** Tokens of a training step and sequences of a decoding step, by default. */
export const TUNING_ROWS: TuningRows = { training: 8192, decoding: 128 };

/** Options of `tuneFor`. */
export interface TuneForOptions {
  /** Rows of a training step and of a decoding step. Default: 8192 and 128. */
  readonly rows?: TuningRows;
  /** Is called after each case. */
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Find the fastest kernels for a model, on a device that `openDevice({ tune: 'auto' })` opened. Call it before the model's first
 * step: choices stay as long as the device, since kernels may sum in different orders. What was tuned before is not tuned again.
 * Other devices are left as they are. Return what was tuned now.
 *
 *     const device = await openDevice({ tune: 'auto' });
 *     await tuneFor(device, modelConfig('small', { vocabSize: 57 }));
 *
 * @throws GpuError if the device is lost or out of memory.
 */
export async function tuneFor(
  device: Device,
  model: ModelConfig,
  { rows = TUNING_ROWS, progress = () => {} }: TuneForOptions = {},
): Promise<readonly TuningResult[]> {
  const kept = keptChoicesOf(device);
  if (!kept) return [];
  const results = await tune(device, tuningCases(model, rows), {
    progress,
    isKnown: (key) => Object.hasOwn(device.choices, key) || device.chosen.has(key),
  });
  if (results.length === 0) return results;
  const choices = choicesOf(results);
  device.choose(choices);
  await kept.add(choices);
  return results;
}
