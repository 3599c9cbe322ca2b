/** The module that a page loads to time small reads on the WebGPU of its browser. */
import { openAdapter } from '../src/gpu/browser.ts';
import { Device } from '../src/gpu/device.ts';
import { defineKernel } from '../src/gpu/kernel.ts';

const increment = defineKernel({
  ...{ name: 'increment', params: {}, reads: {}, writes: { y: 'array<f32>' } },
  code: '@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] += 1.0; }',
});

/** Return the seconds of `count` reads of 16 bytes, each after a dispatch. @throws Error if a value is wrong. */
export async function run(count: number): Promise<number> {
  const device = await Device.open(await openAdapter({ adapter: 'webgpu' }));
  const y = device.allocatePersistent(16);
  device.clear(y);
  const next = async (): Promise<number> => {
    device.launch(increment, { y }, {}, [1]);
    return new Float32Array(await device.read(y))[0] ?? Number.NaN;
  };
  await next(); // compiles
  const started = performance.now();
  for (let i = 2; i < count + 2; i++) if ((await next()) !== i) throw new Error(`read ${i} is wrong`);
  const seconds = (performance.now() - started) / 1000;
  device.destroy();
  return seconds;
}
