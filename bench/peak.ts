/** The ceiling that steps are compared with: the most multiply-adds per second a kernel of nothing else reaches. */
import type { Device } from '../src/gpu/device.ts';
import { defineKernel, unroll } from '../src/gpu/kernel.ts';

const CHAINS = 8;
/** Rounds in the body of the loop: a software driver pays for every variable that an iteration changes. */
const ROUNDS = 16;
const ITERATIONS = 256;
const GROUPS = 512;
const THREADS = 64;

const fmaKernel = defineKernel({
  name: 'fma peak',
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

/** P, in FLOP/s (a multiply-add is two): the best of `runs` runs. */
export async function peakFlops(device: Device, runs = 7): Promise<number> {
  using _ = device.scope();
  const out = device.allocate(GROUPS * THREADS * 16);
  let best = 0;
  for (let run = 0; run < runs; run++) {
    device.launch(fmaKernel, { out }, { factor: 0.999, term: 0.001 }, [GROUPS]);
    const started = performance.now();
    await device.idle();
    const seconds = (performance.now() - started) / 1000;
    best = Math.max(best, (GROUPS * THREADS * ITERATIONS * ROUNDS * CHAINS * 4 * 2) / seconds);
  }
  return best;
}
