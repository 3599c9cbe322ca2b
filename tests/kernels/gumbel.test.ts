/** Gumbel noise at the ends of `uniform4`'s range, where −log(−log u) with a driver's logarithm is infinite or inaccurate. */
import { describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import { GUMBEL_WGSL, PHILOX_WGSL } from '../../src/kernels/philox.ts';
import { openDevice } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';

const kernel = defineKernel({
  name: 'gumbel test',
  params: { count: 'u32' },
  reads: { words: 'array<u32>' },
  writes: { noise: 'array<f32>' },
  code: `${PHILOX_WGSL}${GUMBEL_WGSL}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x < params.count) { noise[at.x] = gumbel(uniform4(vec4u(words[at.x])).x); }
}`,
});

/** The numbers k of u = (k + ½)/2²³: both ends, both sides of where the series begins, and some between. */
const END = 2 ** 23;
const BORDER = Math.round(END * 0.995);
const KS = [
  ...Array.from({ length: 64 }, (_, i) => i),
  ...Array.from({ length: 64 }, (_, i) => END - 1 - i),
  ...Array.from({ length: 64 }, (_, i) => BORDER - 32 + i),
  ...Array.from({ length: 64 }, (_, i) => Math.floor(((i + 0.5) * END) / 64)),
];

async function noiseOf(device: Device, ks: readonly number[]): Promise<Float32Array> {
  using _ = device.scope();
  const [words, noise] = [device.allocate(ks.length * 4), device.allocate(ks.length * 4)];
  device.upload(
    words,
    Uint32Array.from(ks, (k) => k * 512),
  );
  device.launch(kernel, { words, noise }, { count: ks.length }, [Math.ceil(ks.length / 64)]);
  return new Float32Array(await device.read(noise));
}

async function wasm(): Promise<Device> {
  return Device.open((await openAdapter({ name: 'wasm' })).adapter);
}

describe.each([
  ['the adapter under test', openDevice],
  ['wasm', wasm],
])('%s', (_, open) => {
  test('the noise is finite, rises with u, and is that of float64', async () => {
    const device = await open();
    const found = await noiseOf(device, KS);
    device.destroy();
    // log1p keeps the digits that 1 − u would lose in the logarithm.
    const wanted = KS.map((k) => -Math.log(-Math.log1p(-(END - k - 0.5) / END)));
    expectClose(found, wanted, { rtol: 0, atol: 2e-4 });
    // The largest 64, from the top: each above the next one.
    const top = Array.from(found.subarray(64, 128));
    expect(top.every((value, i) => i === 0 || value < (top[i - 1] ?? 0))).toBe(true);
    expect(top[0]).toBeCloseTo(Math.log(2) * 24, 4);
  });
});
