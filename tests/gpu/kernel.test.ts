/** Kernels of elements reach every element and no other; launches are checked by types and at run time. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { perElement, walkElements } from '../../src/gpu/perElement.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const UNTOUCHED = -1;
const filled = (count: number): BufferView => {
  const view = device.allocate(count * 4);
  device.upload(view, new Float32Array(count).fill(UNTOUCHED));
  return view;
};
const read = async (view: BufferView): Promise<number[]> => [...new Float32Array(await device.read(view))];
const numbers = (from: number, to: number, room: number): number[] =>
  Array.from({ length: room }, (_, i) => (i >= from && i < to ? i : UNTOUCHED));

const OUT = { reads: {}, writes: { y: 'array<f32>' } } as const;

describe('perElement', () => {
  const byRow = defineKernel({
    ...OUT,
    name: 'by row and column',
    params: { rows: 'u32', columns: 'u32' },
    ...perElement(['rows', 'columns'], { id: 'place' })`y[place] = f32(place);`,
  });
  const inFours = defineKernel({
    ...OUT,
    name: 'in fours',
    params: { count: 'u32' },
    ...perElement('count', { each: 4, threads: 8 })`
    for (var i = id * 4; i < min(id * 4 + 4, params.count); i++) { y[i] = f32(i); }`,
  });

  test.each([1, 7, 64, 65, 1000])('takes each of 3 × %i elements', async (columns) => {
    using _ = device.scope();
    const y = filled(3 * columns + 8);
    device.launch(byRow, { y }, { rows: 3, columns });
    expect(await read(y)).toEqual(numbers(0, 3 * columns, 3 * columns + 8));
  });

  test.each([1, 4, 31, 32, 33, 130])('takes %i values, four at a time', async (count) => {
    using _ = device.scope();
    const y = filled(count + 8);
    device.launch(inFours, { y }, { count });
    expect(await read(y)).toEqual(numbers(0, count, count + 8));
  });

  test('launches nothing for no elements', () => {
    using _ = device.scope();
    const before = device.counters().dispatches;
    device.launch(inFours, { y: filled(4) }, { count: 0 });
    expect(device.counters().dispatches).toBe(before);
  });

  test('refuses a number of elements that replays would change', () => {
    using _ = device.scope();
    expect(() => device.launch(inFours, { y: filled(4) }, { count: () => 4 })).toThrow('count is a function');
  });
});

test.each([
  [0, 1],
  [0, 512],
  [5, 700],
  [513, 2000],
])('walkElements takes elements %i to %i', async (start, end) => {
  using _ = device.scope();
  const walking = defineKernel({
    ...OUT,
    name: 'walking',
    params: { start: 'u32', end: 'u32' },
    ...walkElements('end', { start: 'start', setup: 'let offset = 0u;' })`y[id + offset] = f32(id);`,
  });
  const y = filled(end + 8);
  device.launch(walking, { y }, { start, end });
  expect(await read(y)).toEqual(numbers(start, end, end + 8));
});

describe('a launch', () => {
  const scaled = (term: boolean) =>
    defineKernel({
      name: `scaled${term ? ' plus term' : ''}`,
      params: { count: 'u32', factor: 'f32' },
      reads: { x: 'array<f32>', term: term ? 'array<f32>' : undefined },
      writes: { y: 'array<f32>' },
      ...perElement('count')`y[id] = x[id] * params.factor${term ? ' + term[id]' : ''};`,
    });

  test('leaves out a buffer that the form of its kernel lacks', async () => {
    using _ = device.scope();
    const [x, y] = [filled(4), filled(4)];
    device.launch(scaled(false), { x, y }, { count: 4, factor: 3 });
    expect(await read(y)).toEqual([-3, -3, -3, -3]);
    device.launch(scaled(true), { x, y, term: x }, { count: 4, factor: 3 });
    expect(await read(y)).toEqual([-4, -4, -4, -4]);
  });

  test('without a buffer that the form of its kernel has, or without a grid, is refused', () => {
    using _ = device.scope();
    const [x, y] = [filled(4), filled(4)];
    const missing = () => device.launch(scaled(true), { x, y }, { count: 4, factor: 3 });
    expect(missing).toThrow(expect.objectContaining({ code: 'MISSING_BINDING', where: 'scaled plus term' }));
    const code = '@compute @workgroup_size(1) fn main() { y[0] = 0.0; }';
    const gridless = defineKernel({ ...OUT, name: 'gridless', params: {}, code });
    expect(() => device.launch(gridless, { y }, {})).toThrow(
      expect.objectContaining({ code: 'MISSING_GRID' }),
    );
  });

  test('does not compile with a name that its kernel does not have, or without one that it has', () => {
    using _ = device.scope();
    const [x, y] = [filled(4), filled(4)];
    const params = { count: 0, factor: 1 };
    // @ts-expect-error y is missing
    expect(() => device.launch(scaled(false), { x }, params)).toThrow('y');
    // @ts-expect-error z is no binding
    device.launch(scaled(false), { x, y, z: y }, params);
    // @ts-expect-error count is missing: the type, and the number of workgroups
    expect(() => device.launch(scaled(false), { x, y }, { factor: 1 })).toThrow('count');
    // @ts-expect-error size is no parameter
    device.launch(scaled(false), { x, y }, { ...params, size: 4 });
  });
});
