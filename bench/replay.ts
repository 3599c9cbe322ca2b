/**
 * Measure the gain of recordings: the CPU time to encode and submit one training step, eager and replayed, on an idle
 * device. (The GPU's time is the same, as the commands are the same.)
 */

import type { Device } from '../src/gpu/device.ts';
import { modelConfig } from '../src/model/config.ts';
import { Transformer } from '../src/model/transformer.ts';
import { VOCAB_SIZE } from '../src/tasks/arithmetic/tokenizer.ts';
import { quantile } from './statistics.ts';
import { supervisedStep } from './supervisedStep.ts';

const ROUNDS = 15;

export interface ReplayResult {
  readonly name: string;
  readonly dispatches: number;
  /** CPU time per step, in milliseconds. */
  readonly eager: number;
  readonly replayed: number;
}

const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Return the CPU time in milliseconds and the number of dispatches of one call of `enqueue`, until it is submitted. */
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

/** Time the steps in turns, and return the medians over the rounds. */
export async function measureReplay(device: Device): Promise<ReplayResult[]> {
  const results: ReplayResult[] = [];
  for (const { size, batch, length } of [
    { size: 'tiny', batch: 4, length: 16 },
    { size: 'tiny', batch: 128, length: 64 },
    { size: 'small', batch: 8, length: 32 },
  ] as const) {
    const config = modelConfig(size, { vocabSize: VOCAB_SIZE });
    const [eager, replayed] = [false, true].map((replay) =>
      supervisedStep(Transformer.create(device, config, 0), { batch, length, replay }),
    );
    if (!eager || !replayed) continue;
    const times: { eager: number[]; replayed: number[] } = { eager: [], replayed: [] };
    let dispatches = 0;
    for (let round = -2; round < ROUNDS; round++) {
      const first = await encode(device, eager);
      const second = await encode(device, replayed);
      dispatches = second.dispatches;
      if (round < 0) continue; // the first rounds compile and record
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
