import { describe, expect, it } from 'vitest';
import { DeviceMemory } from '../../../../src/gpu/adapters/wasm/memory.ts';

const MIB = 2 ** 20;

describe.each([
  ['shared', true],
  ['unshared', false],
])('%s memory', (_, shared) => {
  it('hands out zeros, where something else was before too', () => {
    const memory = new DeviceMemory({ shared });
    const range = memory.allocate(1000);
    if (!range) throw new Error('there is no memory');
    memory.bytes.fill(1, range.address, range.address + 1000);
    memory.free(range);
    const zeros = memory.allocateZeros(3000);
    if (!zeros) throw new Error('there is no memory');
    expect(zeros.address).toBe(range.address);
    expect(memory.bytes.subarray(zeros.address, zeros.address + 3000).some((byte) => byte !== 0)).toBe(false);
  });

  it('grows, and keeps what it has', () => {
    const memory = new DeviceMemory({ shared });
    const first = memory.allocateZeros(4);
    if (!first) throw new Error('there is no memory');
    memory.words[first.address / 4] = 42;
    const large = memory.allocateZeros(200 * MIB);
    if (!large) throw new Error('there is no memory');
    memory.bytes[large.address + large.bytes - 1] = 7;
    expect(memory.words[first.address / 4]).toBe(42);
    expect(memory.usedBytes).toBeGreaterThan(200 * MIB);
  });

  it('stays below its limit, and goes on after a refusal', () => {
    const memory = new DeviceMemory({ shared, mostBytes: 40 * MIB });
    const first = memory.allocate(30 * MIB);
    expect(first).toBeDefined();
    expect(memory.allocate(20 * MIB)).toBeUndefined();
    expect(memory.allocate(5 * MIB)).toBeDefined();
    if (first) memory.free(first);
    expect(memory.allocate(20 * MIB)).toBeDefined();
    expect(memory.wasm.buffer.byteLength).toBeLessThanOrEqual(40 * MIB);
  });
});
