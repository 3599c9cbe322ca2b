/**
 * Comparisons by benny: every case runs by itself, one after another, as often as benny needs, and its operations per
 * second are what its mean time says. A noisy neighbour can slow one case and not the next: where a few percent matter,
 * `measure.ts` times everything in turns.
 */
import { join } from 'node:path';
import b from 'benny';
import type { Device } from '../src/gpu/device.ts';

/** Something that is compared. */
export interface Contender {
  readonly name: string;
  /** Does the work once, and waits until it is done. */
  readonly run: () => Promise<unknown>;
}

/** A comparison: its name, and what is compared. */
export interface Comparison {
  readonly name: string;
  readonly contenders: readonly Contender[];
}

/** Where benny leaves its files, in a folder of results. */
export const COMPARISONS = 'comparisons';

/** Seconds that benny takes for a case at most, and samples at least. */
const CASES = { maxTime: 1, minSamples: 5 };

/** The name of a comparison's files, without their ending: `variants matmul K64 N256` is in `variants-matmul-K64-N256`. */
export const fileOf = (name: string): string => name.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '');

/** Work on a device as a case: its tensors are released, and the device has finished. */
export const onDevice = (device: Device, run: () => void) => async (): Promise<void> => {
  {
    using _ = device.scope();
    run();
  }
  await device.idle();
};

/**
 * Compares: says in the terminal which is the fastest, and leaves JSON and a chart in `folder`, if there is one. Every
 * case has run once before, so that nothing is compiled while benny looks.
 */
export async function compare(
  { name, contenders }: Comparison,
  folder: string | undefined,
  cases: { readonly maxTime?: number; readonly minSamples?: number } = {},
): Promise<void> {
  for (const { run } of contenders) await run();
  const file = fileOf(name);
  const save = (format: 'json' | 'chart.html') =>
    folder === undefined ? [] : [b.save({ folder: join(folder, COMPARISONS), file, format })];
  await b.suite(
    name,
    b.configure({ cases: { ...CASES, ...cases }, minDisplayPrecision: 2 }),
    ...contenders.map(({ name, run }) => b.add(name, run)),
    b.cycle(),
    b.complete(),
    ...save('json'),
    ...save('chart.html'),
  );
}
