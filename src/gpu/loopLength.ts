/**
 * Measure if the CPU of a software adapter runs short loops faster than long loops, which do more per step.
 *
 * Lavapipe turns a load of 8 lanes into some 200 instructions and a multiply-add into 5, 3 of which a step of two rows of the
 * inner dimension saves in two; but then the loop of a product has 30 KB of code. A CPU takes instructions from a cache of
 * decoded ones, and those beyond it at half the speed: on an AMD Zen 3 long loops have 25 GFLOP/s and short ones 34, on
 * another CPU long ones were 1.2 to 1.8 times as fast. Which it is cannot be asked for, so it is measured, on a loop like
 * that of a product and before there is a `Device`, whose counts and memory are its user's.
 */
import { USAGE } from './buffers.ts';
import { unroll } from './kernel.ts';
import { isSoftware, waitingFor } from './waiting.ts';

/** Like a product's tile on lavapipe: rows and columns, in vec4s, of each of 8 lanes. */
const [LANES, ROWS, VECTORS] = [8, 32, 2];
/** Size of the measured work: about a millisecond on two cores. */
const [TILES, K] = [64, 128];
/**
 * Number of timings of each loop. Other load on the same core shares its caches, and slows short loops more than long ones,
 * for milliseconds or seconds. So short loops get many attempts.
 */
const [FEWEST_TIMINGS, MOST_TIMINGS] = [16, 64];
/** Gain by which short loops must be faster. If both are equal, choose long loops. */
const LEAST_GAIN = 0.03;

/**
 * The inner loop of a product: a step takes `step` of K. All broadcasts come first: between the sums, as in the product,
 * which does not mind, they make the short one of these two slower (1.5 instead of 1.2 ms).
 */
const loopOf = (step: 1 | 2): string => `enable subgroups;
@group(0) @binding(0) var<storage> a: array<${step === 1 ? 'f32' : 'vec2f'}>;
@group(0) @binding(1) var<storage> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) tile: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  ${unroll(ROWS * VECTORS, (i) => `var sum${i} = vec4f();`)}
  for (var k = 0u; k < arrayLength(&b) / ${LANES * VECTORS * step}; k++) {
    ${unroll(ROWS / LANES, (p) => `let x${p} = a[(tile.x * ${ROWS} + ${p * LANES} + lane) * ${K / step} + k];`)}
    ${unroll(step, (u) =>
      unroll(
        VECTORS,
        (j) => `let y${u}_${j} = b[(k * ${step} + ${u}) * ${LANES * VECTORS} + ${j * LANES} + lane];`,
      ),
    )}
    ${unroll(ROWS, (i) =>
      unroll(step, (u) => {
        const x = `x${Math.floor(i / LANES)}${step === 1 ? '' : ['.x', '.y'][u]}`;
        return `let s${i}_${u} = subgroupBroadcast(${x}, ${i % LANES});`;
      }),
    )}
    ${unroll(ROWS, (i) =>
      unroll(VECTORS, (j) => {
        const sum = `sum${i * VECTORS + j}`;
        return `${sum} = ${sum} + ${unroll(step, (u) => `s${i}_${u} * y${u}_${j}`, ' + ')};`;
      }),
    )}
  }
  c[tile.x * ${LANES} + lane] = ${unroll(ROWS * VECTORS, (i) => `sum${i}`, ' + ')};
}`;

/** Return a function that runs such a loop, and returns its milliseconds. */
function timed(gpu: GPUDevice, step: 1 | 2, buffers: readonly GPUBuffer[]): () => Promise<number> {
  const wait = waitingFor(gpu.adapterInfo);
  const module = gpu.createShaderModule({ code: loopOf(step) });
  const pipeline = gpu.createComputePipeline({ layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bindGroup = gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return async () => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(TILES);
    pass.end();
    const started = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await wait(gpu.queue.onSubmittedWorkDone());
    return performance.now() - started;
  };
}

/** Resolve to true if `short` takes less time than `long`. Both return their milliseconds at each call. */
export async function isFaster(short: () => Promise<number>, long: () => Promise<number>): Promise<boolean> {
  let [leastShort, leastLong] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let timing = 1; timing <= MOST_TIMINGS; timing++) {
    leastShort = Math.min(leastShort, await short());
    leastLong = Math.min(leastLong, await long());
    if (timing >= FEWEST_TIMINGS && leastShort < (1 - LEAST_GAIN) * leastLong) return true;
  }
  return false;
}

/** Resolve to true if the CPU prefers short loops. Measured on lavapipe in 80 to 200 ms; false on other adapters. */
export async function prefersShortLoops(gpu: GPUDevice): Promise<boolean> {
  const { adapterInfo: info } = gpu;
  const { subgroupMinSize: min, subgroupMaxSize: max } = info;
  if (!isSoftware(info) || !gpu.features.has('subgroups') || min !== LANES || max !== LANES) return false;

  const storage = (floats: number): GPUBuffer => gpu.createBuffer({ size: floats * 4, usage: USAGE.storage });
  const buffers = [TILES * ROWS * K, K * LANES * VECTORS * 4, TILES * LANES * 4].map(storage);
  const [short, long] = [timed(gpu, 1, buffers), timed(gpu, 2, buffers)];
  await short(); // the first run compiles
  await long();
  const preferred = await isFaster(short, long);
  for (const buffer of buffers) buffer.destroy();
  return preferred;
}
