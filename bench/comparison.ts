/**
 * Comparisons with benny. The cases run one after another, each as often as benny needs; operations per second follow
 * from the mean time. Other load on the machine can slow one case and not the next: where a few percent matter, use
 * `measure.ts`, which times all cases in turns.
 */
import { join } from 'node:path';
import b from 'benny';
import type { Device } from '../src/gpu/device.ts';

/** One side of a comparison. */
export interface Contender {
  readonly name: string;
  /** Do the work once, and wait until it is done. */
  readonly run: () => Promise<unknown>;
}

/** A named comparison of contenders. */
export interface Comparison {
  readonly name: string;
  readonly contenders: readonly Contender[];
}

/** Folder of benny's files, inside a folder of results. */
export const COMPARISONS = 'comparisons';

/** Maximum seconds per case, and minimum number of samples. */
const CASES = { maxTime: 1, minSamples: 5 };

/** Return the base name of a comparison's files: `variants matmul K64 N256` is saved as `variants-matmul-K64-N256`. */
export const fileOf = (name: string): string => name.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '');

/** Make a case of work on a device: it waits until the device has finished, and frees the tensors. */
export const onDevice = (device: Device, run: () => void) => async (): Promise<void> => {
  {
    using _ = device.scope();
    run();
  }
  await device.idle();
};

/**
 * Compare the contenders. Print the fastest, and save JSON and a chart in `folder`, if given. Every case runs once
 * before the timing, so that no shader is compiled during it.
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
