/** Measure the limits of the adapter, in turns with the work that is compared with them. */
import type { Device } from '../src/gpu/device.ts';
import { defineKernel } from '../src/gpu/kernel.ts';
import { peakBandwidth, peakFlops } from '../src/kernels/peak.ts';
import type { Ceilings } from './bound.ts';
import { quantile } from './statistics.ts';

const emptyKernel = defineKernel({
  name: 'empty',
  params: {},
  reads: {},
  writes: { y: 'array<f32>' },
  code: '@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x > 0) { y[0] = 0.0; } }',
});
const EMPTY_DISPATCHES = 200;

/** Return the seconds that `repeats` runs take, from an idle device to an idle device. */
export async function time(device: Device, run: () => void, repeats: number): Promise<number> {
  await device.idle();
  const started = performance.now();
  for (let i = 0; i < repeats; i++) {
    using _ = device.scope();
    run();
  }
  await device.idle();
  return (performance.now() - started) / 1000;
}

async function emptyDispatch(device: Device): Promise<number> {
  using _ = device.scope();
  const y = device.allocate(16);
  const launch = () => {
    for (let i = 0; i < EMPTY_DISPATCHES; i++) device.launch(emptyKernel, { y }, {}, [1]);
  };
  return (await time(device, launch, 1)) / EMPTY_DISPATCHES;
}

/** Collect one measurement of each ceiling per round. */
export class CeilingMeter {
  readonly #P: number[] = [];
  readonly #W: number[] = [];
  readonly #t0: number[] = [];

  async measure(device: Device): Promise<void> {
    this.#P.push(await peakFlops(device, 1));
    this.#W.push(await peakBandwidth(device, 1));
    this.#t0.push(await emptyDispatch(device));
  }

  /** Return the median of each ceiling. */
  ceilings(): Ceilings {
    return { P: quantile(this.#P, 0.5), W: quantile(this.#W, 0.5), t0: quantile(this.#t0, 0.5) };
  }
}
