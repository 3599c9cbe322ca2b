/**
 * Measure the limits of an adapter, with which kernels and steps are compared. P counts the multiply-adds per second of a kernel
 * that does nothing else. W is the bytes per second of copying vec4s with the fastest of several copies: a GPU merges the
 * accesses of neighbouring threads, a software driver has a cost per thread.
 */
import type { Device } from '../gpu/device.ts';
import { defineKernel, unroll } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement, walkElements } from '../gpu/perElement.ts';

/**
 * Values that a thread multiplies and adds to, and how often in the body of the loop: a software driver pays for every
 * variable that an iteration changes. Each value by itself, its compiler may finish one chain after the other, every step of
 * which waits for the one before; it cannot where each takes its neighbour's value. Which is faster depends on the CPU. On WebAssembly
 * a vec4 is a register, a scalar wastes three quarters of one.
 */
interface Chains {
  readonly count: number;
  readonly rounds: number;
  readonly coupled: boolean;
  readonly type: 'f32' | 'vec4f';
}
const CHAINS: readonly Chains[] = [
  { count: 12, rounds: 16, coupled: false, type: 'f32' },
  { count: 14, rounds: 32, coupled: true, type: 'f32' },
  { count: 12, rounds: 1, coupled: true, type: 'vec4f' },
];
const ITERATIONS = 256;
const GROUPS = 512;
const THREADS = 64;

const multiplyAddKernel = memoize(({ count, rounds, coupled, type }: Chains) =>
  defineKernel({
    name: `multiply-add peak ${count} ${type}${coupled ? ', coupled' : ''}`,
    params: { factor: 'f32', term: 'f32' },
    reads: {},
    writes: { out: 'array<f32>' },
    code: `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  ${unroll(count, (i) => `var x${i} = ${type}(f32(id.x + ${i}));`)}
  for (var i = 0u; i < ${ITERATIONS}; i++) {
    ${unroll(rounds, () =>
      unroll(count, (i) =>
        coupled
          ? `x${i} = x${(i + 1) % count} * params.term + x${i};`
          : `x${i} = x${i} * params.factor + params.term;`,
      ),
    )}
  }
  let sum = ${unroll(count, (i) => `x${i}`, ' + ')};
  out[id.x] = ${type === 'f32' ? 'sum' : 'dot(sum, vec4f(1.0))'};
}`,
  }),
);

const copyKernel = memoize((walking: boolean) =>
  defineKernel({
    name: `copy peak${walking ? ', walking' : ''}`,
    params: { vectors: 'u32' },
    reads: { x: 'array<vec4f>' },
    writes: { y: 'array<vec4f>' },
    ...(walking ? walkElements('vectors') : perElement('vectors'))`y[id] = x[id];`,
  }),
);
const COPY_BYTES = 1 << 25;

/** Below this many seconds the work is repeated: waiting for a GPU takes a tenth of a millisecond by itself. */
const LEAST_TIME = 0.005;
const MOST_REPEATS = 256;

/** Seconds that a launch takes, the shortest of `runs` runs. */
async function shortest(device: Device, runs: number, launch: () => void): Promise<number> {
  const time = async (repeats: number): Promise<number> => {
    await device.idle();
    for (let i = 0; i < repeats; i++) launch();
    const started = performance.now();
    await device.idle();
    return (performance.now() - started) / 1000;
  };
  let best = await time(1);
  const repeats = Math.min(MOST_REPEATS, Math.ceil(LEAST_TIME / best));
  if (repeats > 1) best = (await time(repeats)) / repeats;
  for (let run = 1; run < runs; run++) best = Math.min(best, (await time(repeats)) / repeats);
  return best;
}

/** P, in FLOP/s: a multiply-add is two. */
export async function peakFlops(device: Device, runs = 7): Promise<number> {
  using _ = device.scope();
  const out = device.allocate(GROUPS * THREADS * 4);
  const peaks = [];
  for (const chains of CHAINS) {
    const kernel = multiplyAddKernel(chains);
    const launch = () => device.launch(kernel, { out }, { factor: 0.999, term: 0.0001 }, [GROUPS]);
    const flops =
      GROUPS * THREADS * ITERATIONS * chains.rounds * chains.count * (chains.type === 'f32' ? 2 : 8);
    peaks.push(flops / (await shortest(device, runs, launch)));
  }
  return Math.max(...peaks);
}

/** W, in bytes read and written per second. */
export async function peakBandwidth(device: Device, runs = 7): Promise<number> {
  using _ = device.scope();
  const [x, y] = [device.allocate(COPY_BYTES), device.allocate(COPY_BYTES)];
  const vectors = COPY_BYTES / 16;
  const times = [];
  for (const walking of [false, true]) {
    const launch = () => device.launch(copyKernel(walking), { x, y }, { vectors });
    times.push(await shortest(device, runs, launch));
  }
  return (2 * COPY_BYTES) / Math.min(...times);
}
