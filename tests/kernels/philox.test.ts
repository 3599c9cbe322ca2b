/** The generator in WGSL gives the words of src/base/philox.ts, and uniform numbers strictly inside (0, 1). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { PHILOX_WGSL } from '../../src/kernels/philox.ts';
import { type PhiloxCounter, type PhiloxKey, philox4x32 } from '../base/philox4x32.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { integers } from '../oracle/random.ts';

const kernel = defineKernel({
  name: 'philox test',
  params: { count: 'u32' },
  // Six words an entry: the counter and the key.
  reads: { inputs: 'array<u32>' },
  writes: { words: 'array<vec4u>', uniforms: 'array<vec4f>' },
  code: `${PHILOX_WGSL}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= params.count) { return; }
  let i = at.x * 6;
  words[at.x] = philox(vec4u(inputs[i], inputs[i + 1], inputs[i + 2], inputs[i + 3]), vec2u(inputs[i + 4], inputs[i + 5]));
  // The extremes of every word, which random words would not reach.
  uniforms[at.x] = uniform4(select(words[at.x], vec4u(0u, 0xffffffffu, 0x1ffu, 0xfffffe00u), at.x == 0));
}`,
});

interface Entry {
  readonly counter: PhiloxCounter;
  readonly key: PhiloxKey;
}

async function generate(device: Device, entries: readonly Entry[]) {
  using _ = device.scope();
  const inputs = device.allocate(entries.length * 24);
  const [words, uniforms] = [device.allocate(entries.length * 16), device.allocate(entries.length * 16)];
  device.upload(inputs, Uint32Array.from(entries.flatMap(({ counter, key }) => [...counter, ...key])));
  device.launch(kernel, { inputs, words, uniforms }, { count: entries.length }, [
    Math.ceil(entries.length / 64),
  ]);
  return {
    words: [...new Uint32Array(await device.read(words))],
    uniforms: [...new Float32Array(await device.read(uniforms))],
  };
}

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test("Random123's published vectors", async () => {
    const all = 0xffffffff;
    const { words } = await generate(device, [
      { counter: [0, 0, 0, 0], key: [0, 0] },
      { counter: [all, all, all, all], key: [all, all] },
      { counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], key: [0xa4093822, 0x299f31d0] },
    ]);
    expect(words).toEqual([
      0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd,
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
  });

  test('random counters and keys', async () => {
    const drawn = integers(1, 6 * 1000, 2 ** 32);
    const entries = Array.from({ length: 1000 }, (_, i): Entry => {
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = drawn.slice(6 * i);
      return { counter: [a, b, c, d], key: [e, f] };
    });
    const { words, uniforms } = await generate(device, entries);
    expect(words).toEqual(entries.flatMap(({ counter, key }) => philox4x32(counter, key)));
    expect(uniforms.slice(0, 4)).toEqual([2 ** -24, 1 - 2 ** -24, 2 ** -24, 1 - 2 ** -24]);
    expect(uniforms.slice(4)).toEqual(words.slice(4).map((word) => ((word >>> 9) + 0.5) * 2 ** -23));
  });
});
