/**
 * What an adapter can do at best, measured: the ceilings that kernels and steps are compared with. P is the most
 * multiply-adds per second of a kernel of nothing else, W the bytes per second of copying vec4s.
 */
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS, unroll } from '../gpu/kernel.ts';

const CHAINS = 8;
/** Rounds in the body of the loop: a software driver pays for every variable that an iteration changes. */
const ROUNDS = 16;
const ITERATIONS = 256;
const GROUPS = 512;
const THREADS = 64;

const multiplyAddKernel = defineKernel({
  name: 'multiply-add peak',
  params: { factor: 'f32', term: 'f32' },
  reads: {},
  writes: { out: 'array<vec4f>' },
  code: `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  ${unroll(CHAINS, (i) => `var x${i} = vec4f(f32(id.x + ${i}));`)}
  for (var i = 0u; i < ${ITERATIONS}; i++) {
    ${unroll(ROUNDS, () => unroll(CHAINS, (i) => `x${i} = x${i} * params.factor + params.term;`))}
  }
  out[id.x] = ${unroll(CHAINS, (i) => `x${i}`, ' + ')};
}`,
});

const copyKernel = defineKernel({
  name: 'copy peak',
  params: { vectors: 'u32' },
  reads: { x: 'array<vec4f>' },
  writes: { y: 'array<vec4f>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id < params.vectors) { y[id] = x[id]; }
}`,
});
const COPY_BYTES = 1 << 25;

/** The shortest of `runs` runs of `launch`, in seconds. */
async function shortest(device: Device, runs: number, launch: () => void): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    await device.idle();
    launch();
    const started = performance.now();
    await device.idle();
    best = Math.min(best, (performance.now() - started) / 1000);
  }
  return best;
}

/** P, in FLOP/s: a multiply-add is two. */
export async function peakFlops(device: Device, runs = 7): Promise<number> {
  using _ = device.scope();
  const out = device.allocate(GROUPS * THREADS * 16);
  const launch = () => device.launch(multiplyAddKernel, { out }, { factor: 0.999, term: 0.001 }, [GROUPS]);
  const flops = GROUPS * THREADS * ITERATIONS * ROUNDS * CHAINS * 4 * 2;
  return flops / (await shortest(device, runs, launch));
}

/** W, in bytes read and written per second. */
export async function peakBandwidth(device: Device, runs = 7): Promise<number> {
  using _ = device.scope();
  const [x, y] = [device.allocate(COPY_BYTES), device.allocate(COPY_BYTES)];
  const vectors = COPY_BYTES / 16;
  const launch = () => device.launch(copyKernel, { x, y }, { vectors }, linearGrid(vectors / 64));
  return (2 * COPY_BYTES) / (await shortest(device, runs, launch));
}
