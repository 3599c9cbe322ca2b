/**
 * The autotuner: find the fastest variant of a kernel family on this adapter, for operands of given shapes.
 *
 * A candidate must compile and agree with the portable variant before it is timed. Then successive halving: every round
 * times the remaining candidates, each right after the default variant, so that other load slows both equally. It keeps the
 * better half by the median of these ratios, with twice as many timings. The winner is chosen if it is more than 5 % faster
 * than the default variant. A timing repeats the kernel until it takes much longer than the wait for the device.
 */
import type { BufferView } from './buffers.ts';
import type { Device } from './device.ts';
import type { TunedChoice } from './kernelChoices.ts';
import { choiceKey, type Family, launchPlan, namedVariant, sourceHash, type Variant } from './variants.ts';

/** A case to tune a family for. */
export interface TuningCase<Options> {
  readonly family: Family<Options>;
  /** Allocate the operands, and fill those that are read with values around 0. */
  readonly make: (device: Device) => Options;
  /** Return the views that the variants write. */
  readonly outputs: (options: Options) => readonly BufferView[];
}

/** A case of any family. */
// biome-ignore lint/suspicious/noExplicitAny: cases of different families stand in one list
export type AnyTuningCase = TuningCase<any>;

/** The result of a candidate. */
export interface Candidate {
  readonly variant: string;
  /** Time relative to that of the default variant, or the reason why it was not timed. */
  readonly result: number | 'invalid' | 'wrong';
}

/** The result of tuning one case. */
export interface TuningResult {
  /** Key of the choice. */
  readonly key: string;
  /** Name of the default variant. */
  readonly untuned: string;
  readonly chosen: string;
  /** `sourceHash` of the chosen variant's kernel. */
  readonly source: string;
  readonly candidates: readonly Candidate[];
}

/** Minimum gain of a choice. Less does not justify a different order of sums. */
const LEAST_GAIN = 0.05;
const FIRST_TIMINGS = 3;
const FINAL_TIMINGS = 9;
/** Maximum number of candidates of a case, the default variant among them. */
const MOST_CANDIDATES = 12;
/** Milliseconds that the repeated launches of a timing take together, at least. Clocks of browsers have steps of 0.1 ms. */
const LEAST_TIME = 4;
/** The time of the repeated launches, in times of the wait for an idle device, at least. */
const LEAST_WAITS = 8;
/** Maximum number of launches of a timing, for a device that takes long to answer. */
const MOST_REPEATS = 10_000;
/** Timings of the wait for an idle device. */
const WAIT_TIMINGS = 5;
/** Maximum difference from the portable variant, relative to the largest value, for f32 and f16 operands. */
const TOLERANCE = { exact: 1e-4, half: 2e-2 };

/** Options of `tune`. */
export interface TuneOptions {
  /** Is called after each case with the number of cases so far and in all. */
  readonly progress?: (done: number, total: number) => void;
  /** Return true for the key of a choice that is not to be tuned. */
  readonly isKnown?: (key: string) => boolean;
}

/**
 * Tune all cases, one after another, each shape class once. The device must not have `portableKernels`.
 * @throws GpuError if the device is lost or out of memory.
 */
export async function tune(
  device: Device,
  cases: readonly AnyTuningCase[],
  { progress = () => {}, isKnown = () => false }: TuneOptions = {},
): Promise<TuningResult[]> {
  const results = new Map<string, TuningResult>();
  for (const [done, each] of cases.entries()) {
    const result = await tuneCase(device, each, (key) => results.has(key) || isKnown(key));
    if (result) results.set(result.key, result);
    progress(done + 1, cases.length);
  }
  device.emptyCache();
  return [...results.values()];
}

/** Return the table for `DeviceOptions.kernelChoices`. */
export function choicesOf(results: readonly TuningResult[]): Record<string, TunedChoice> {
  return Object.fromEntries(results.map(({ key, chosen, source }) => [key, { variant: chosen, source }]));
}

async function tuneCase<Options>(
  device: Device,
  { family, make, outputs }: TuningCase<Options>,
  isDone: (key: string) => boolean,
): Promise<TuningResult | undefined> {
  using _ = device.scope();
  const options = make(device);
  const key = choiceKey(family, options);
  if (isDone(key)) return undefined;
  const untuned =
    namedVariant(device, family, options, family.prefer(device, options)) ??
    namedVariant(device, family, options, family.portable);
  if (!untuned) throw new Error(`no variant takes ${key}`);
  const run = (variant: Variant<Options>) => launchPlan(device, variant.plan(device, options));
  const values = async (): Promise<Float32Array[]> => {
    const read: Float32Array[] = [];
    for (const view of outputs(options)) read.push(new Float32Array(await device.read(view)));
    return read;
  };
  const portable = namedVariant(device, family, options, family.portable) ?? untuned;
  run(portable);
  const expected = await values();

  const candidates: Candidate[] = [];
  const timed: { readonly variant: Variant<Options>; ratio: number }[] = [];
  for (const variant of candidatesOf(device, family, options, untuned)) {
    if ((await device.compile(variant.plan(device, options).kernel)) !== undefined) {
      candidates.push({ variant: variant.name, result: 'invalid' });
      continue;
    }
    for (const view of outputs(options)) device.clear(view);
    run(variant);
    const tolerance = variant.half ? TOLERANCE.half : TOLERANCE.exact;
    if (difference(await values(), expected) > tolerance) {
      candidates.push({ variant: variant.name, result: 'wrong' });
      continue;
    }
    timed.push({ variant, ratio: variant === untuned ? 1 : Number.NaN });
  }

  const timeRatio = (variant: Variant<Options>, timings: number): Promise<number> =>
    medianRatio(
      device,
      () => run(variant),
      () => run(untuned),
      timings,
    );
  let left = timed.filter(({ variant }) => variant !== untuned);
  for (let timings = FIRST_TIMINGS; left.length > 0; timings *= 2) {
    const last = left.length === 1;
    for (const each of left) each.ratio = await timeRatio(each.variant, last ? FINAL_TIMINGS : timings);
    left.sort((a, b) => a.ratio - b.ratio);
    if (last) break;
    left = left.slice(0, Math.ceil(left.length / 2));
  }
  const best = left[0];
  const chosen = best && best.ratio < 1 - LEAST_GAIN ? best.variant : untuned;
  candidates.push(...timed.map(({ variant, ratio }) => ({ variant: variant.name, result: ratio })));
  const source = sourceHash(chosen.plan(device, options));
  return { key, untuned: untuned.name, chosen: chosen.name, source, candidates };
}

/** Return the variants to try: those that fit, the default one first, and no more than `MOST_CANDIDATES`. */
function candidatesOf<Options>(
  device: Device,
  { variants }: Family<Options>,
  options: Options,
  untuned: Variant<Options>,
): readonly Variant<Options>[] {
  const others = variants.filter((variant) => variant !== untuned && variant.fits(device, options));
  return [untuned, ...others].slice(0, MOST_CANDIDATES);
}

/** Return the largest difference between two results, relative to the largest value of the second; infinite for NaN. */
function difference(found: readonly Float32Array[], expected: readonly Float32Array[]): number {
  let worst = 0;
  expected.forEach((values, i) => {
    let [largest, off] = [0, 0];
    values.forEach((value, at) => {
      const distance = Math.abs((found[i]?.[at] ?? Number.NaN) - value);
      largest = Math.max(largest, Math.abs(value));
      off = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(off, distance);
    });
    worst = Math.max(worst, off === 0 ? 0 : off / largest);
  });
  return worst;
}

/**
 * Return how often to launch a kernel in one timing: until its time dominates the wait for the device, and the steps of the clock.
 * @param time launches the kernel that many times, and returns the milliseconds until the device is idle.
 * @param wait milliseconds that an idle device takes to say so.
 */
export async function repeatsFor(time: (repeats: number) => Promise<number>, wait: number): Promise<number> {
  const least = Math.max(LEAST_TIME, LEAST_WAITS * wait);
  for (let repeats = 1; ; ) {
    const taken = (await time(repeats)) - wait;
    if (taken >= least || repeats >= MOST_REPEATS) return repeats;
    // A little more than is needed by this timing, and at most ten times as many: the first ones are inexact.
    const needed = taken > 0 ? Math.ceil((1.2 * repeats * least) / taken) : Number.POSITIVE_INFINITY;
    repeats = Math.min(MOST_REPEATS, Math.max(2 * repeats, Math.min(10 * repeats, needed)));
  }
}

/**
 * Return the median ratio of the time of `run` to that of `reference` right before it. Both are repeated until the slower one
 * dominates: a slow candidate for a fast kernel must not take minutes.
 */
async function medianRatio(
  device: Device,
  run: () => void,
  reference: () => void,
  timings: number,
): Promise<number> {
  const milliseconds = async (launch: () => void, repeats: number): Promise<number> => {
    await device.idle();
    const started = performance.now();
    for (let i = 0; i < repeats; i++) launch();
    await device.idle();
    return performance.now() - started;
  };
  const waits: number[] = [];
  for (let i = 0; i < WAIT_TIMINGS; i++) waits.push(await milliseconds(() => {}, 1));
  const wait = waits.sort((a, b) => a - b)[WAIT_TIMINGS >> 1] ?? 0;
  await milliseconds(run, 1);
  const enough = (launch: () => void): Promise<number> =>
    repeatsFor((count) => milliseconds(launch, count), wait);
  const repeats = Math.min(await enough(reference), await enough(run));
  const ratios: number[] = [];
  for (let i = 0; i < timings; i++) {
    const before = await milliseconds(reference, repeats);
    ratios.push((await milliseconds(run, repeats)) / before);
  }
  return ratios.sort((a, b) => a - b)[timings >> 1] ?? Number.NaN;
}
