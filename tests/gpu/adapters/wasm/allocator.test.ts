import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALIGNMENT, RangeAllocator } from '../../../../src/gpu/adapters/wasm/allocator.ts';

const START = ALIGNMENT;
const END = 64 * ALIGNMENT;
const sizeOf = (bytes: number): number => Math.ceil(Math.max(1, bytes) / ALIGNMENT) * ALIGNMENT;

/** A step of a program: allocate bytes, or free the allocation at a place among those that live. */
const steps = fc.array(
  fc.oneof(
    fc.record({ allocate: fc.integer({ min: 0, max: 8 * ALIGNMENT }) }),
    fc.record({ free: fc.nat({ max: 100 }) }),
  ),
  { maxLength: 200 },
);

describe('RangeAllocator', () => {
  it('hands out aligned ranges inside its bounds that never overlap, and refuses only without a gap that is large enough', () => {
    fc.assert(
      fc.property(steps, (program) => {
        const allocator = new RangeAllocator(START, END);
        const live: { address: number; bytes: number }[] = [];
        for (const step of program) {
          if ('free' in step) {
            const [range] = live.splice(step.free % Math.max(1, live.length), 1);
            if (range) allocator.free(range.address);
            continue;
          }
          const bytes = sizeOf(step.allocate);
          const address = allocator.allocate(step.allocate);
          if (address === undefined) {
            expect(Math.max(...gaps(live))).toBeLessThan(bytes);
            continue;
          }
          expect(address % ALIGNMENT).toBe(0);
          expect(address).toBeGreaterThanOrEqual(START);
          expect(address + bytes).toBeLessThanOrEqual(END);
          for (const other of live)
            expect(address + bytes <= other.address || other.address + other.bytes <= address).toBe(true);
          live.push({ address, bytes });
          expect(allocator.usedBytes).toBe(live.reduce((total, range) => total + range.bytes, 0));
        }
      }),
    );
  });

  it('is one range again when everything is freed, in any order', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), (all, order) => {
        const allocator = new RangeAllocator(START, END);
        const live = all.map((bytes) => allocator.allocate(bytes)).filter((address) => address !== undefined);
        while (live.length > 0) {
          const [address = 0] = live.splice((order.next().value ?? 0) % live.length, 1);
          allocator.free(address);
        }
        expect(allocator.usedBytes).toBe(0);
        expect(allocator.allocate(END - START)).toBe(START);
      }),
    );
  });

  it('knows by how much its end has to move up', () => {
    const allocator = new RangeAllocator(START, END);
    const first = allocator.allocate(END - START - 2 * ALIGNMENT);
    expect(allocator.missing(ALIGNMENT)).toBe(0);
    expect(allocator.missing(5 * ALIGNMENT)).toBe(3 * ALIGNMENT);
    expect(allocator.allocate(5 * ALIGNMENT)).toBeUndefined();
    allocator.extend(END + 3 * ALIGNMENT);
    expect(allocator.allocate(5 * ALIGNMENT)).toBe(END - 2 * ALIGNMENT);
    expect(first).toBe(START);
  });

  it('refuses to free what it has not handed out', () => {
    const allocator = new RangeAllocator(START, END);
    const address = allocator.allocate(1) ?? 0;
    allocator.free(address);
    expect(() => allocator.free(address)).toThrow(RangeError);
  });
});

/** Return the sizes of the gaps between ranges, and 0. */
function gaps(live: readonly { readonly address: number; readonly bytes: number }[]): number[] {
  const sorted = live.toSorted((a, b) => a.address - b.address);
  const ends = [START, ...sorted.map(({ address, bytes }) => address + bytes)];
  const starts = [...sorted.map(({ address }) => address), END];
  return [0, ...starts.map((start, i) => start - (ends[i] ?? 0))];
}
