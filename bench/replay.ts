/**
 * What capturing saves: the CPU time to encode one training step and hand it to the driver, eager and replayed, with
 * nothing else running. (How long the GPU takes is the same: the commands are.)
 */
import type { Device } from '../src/gpu/device.ts';
import { modelConfig } from '../src/model/config.ts';
import { quantile } from './statistics.ts';
import { supervisedStep } from './supervisedStep.ts';

const ROUNDS = 15;

export interface ReplayResult {
  readonly name: string;
  readonly dispatches: number;
  /** Milliseconds of CPU time per step. */
  readonly eager: number;
  readonly replayed: number;
}

const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Milliseconds of CPU time and dispatches of one call of `enqueue`, from an idle device to its submission. */
async function encode(device: Device, enqueue: () => unknown) {
  using _ = device.scope();
  await device.idle();
  const before = device.counters().dispatches;
  const started = performance.now();
  enqueue();
  device.flush();
  const milliseconds = performance.now() - started;
  const dispatches = device.counters().dispatches - before;
  await device.idle();
  return { milliseconds, dispatches };
}

/** Medians over interleaved rounds. */
export async function measureReplay(device: Device): Promise<ReplayResult[]> {
  const results: ReplayResult[] = [];
  for (const { size, batch, length } of [
    { size: 'tiny', batch: 4, length: 16 },
    { size: 'tiny', batch: 128, length: 64 },
    { size: 'small', batch: 8, length: 32 },
  ] as const) {
    const [eager, replayed] = [false, true].map((replay) =>
      supervisedStep(device, modelConfig(size), { batch, length, replay }),
    );
    if (!eager || !replayed) continue;
    const times: { eager: number[]; replayed: number[] } = { eager: [], replayed: [] };
    let dispatches = 0;
    for (let round = -2; round < ROUNDS; round++) {
      const first = await encode(device, eager);
      const second = await encode(device, replayed);
      dispatches = second.dispatches;
      if (round < 0) continue; // compilation and capture
      times.eager.push(first.milliseconds);
      times.replayed.push(second.milliseconds);
    }
    results.push({
      name: `supervised step, ${size}, ${batch} × ${length}`,
      dispatches,
      eager: median(times.eager),
      replayed: median(times.replayed),
    });
  }
  return results;
}
