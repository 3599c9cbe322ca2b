/** Rows shared by threads: sums in the order of the tree, to the bit, through workgroup memory and by shuffles, in every layout. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import {
  asSubgroup,
  combinations,
  enablesOf,
  groupAlong,
  groupBeside,
  groupName,
  plus,
  type RowGroup,
  rowEntry,
  rowGrid,
  threadsOf,
} from '../../src/kernels/rowGroup.ts';
import { openDevice, randomCases } from '../device.ts';
import { normals, seeded } from '../oracle/random.ts';
import { floats, readFloats } from './views.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

/** Return the sum in f32: halves first. */
function tree(values: readonly number[]): number {
  const half = values.length / 2;
  if (half < 1) return values[0] ?? 0;
  return tree(values.slice(0, half).map((value, i) => Math.fround(value + (values[i + half] ?? 0))));
}

/** Write, for each row, the sum over its lanes, and that over the same lane of the rows of its workgroup, by lane. */
const kernelOf = (group: RowGroup) =>
  defineKernel({
    name: `sums ${groupName(group)}`,
    params: { rows: 'u32' },
    reads: { x: 'array<f32>' },
    writes: { rowSums: 'array<f32>', laneSums: 'array<f32>' },
    enables: enablesOf(group),
    functions: combinations(group, [
      { name: 'rowSum', type: 'f32', combine: plus },
      { name: 'laneSum', type: 'f32', combine: plus, over: 'rows' },
    ]),
    code: rowEntry(
      group,
      'params.rows',
      `let at = row * ${group.lanes} + lane;
  let value = select(0.0, x[at], inside);
  let rowTotal = rowSum(value, thread);
  let laneTotal = laneSum(value, thread);
  if (!inside) { return; }
  if (lane == 0) { rowSums[row] = rowTotal; }
  laneSums[at] = laneTotal;`,
    ),
  });

async function expectTree(group: RowGroup, rows: number): Promise<void> {
  using _ = device.scope();
  const { lanes } = group;
  const values = normals(rows * lanes, rows * lanes);
  const [x, rowSums, laneSums] = [floats(device, values), floats(device, rows), floats(device, rows * lanes)];
  device.launch(kernelOf(group), { x, rowSums, laneSums }, { rows }, rowGrid(group, rows));
  const at = (row: number, lane: number): number => (row < rows ? (values[row * lanes + lane] ?? 0) : 0);
  const ofRow = (row: number): number => tree(Array.from({ length: lanes }, (_, lane) => at(row, lane)));
  expect([...(await readFloats(device, rowSums, rows))]).toEqual(
    Array.from({ length: rows }, (_, r) => ofRow(r)),
  );
  const ofLane = (row: number, lane: number): number => {
    const first = row - (row % group.rows);
    return tree(Array.from({ length: group.rows }, (_, member) => at(first + member, lane)));
  };
  expect([...(await readFloats(device, laneSums, rows * lanes))]).toEqual(
    Array.from({ length: rows * lanes }, (_, i) => ofLane(Math.floor(i / lanes), i % lanes)),
  );
}

const counts = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.constantFrom(1, 2, 64, 1024, 50_000));
const rows = fc.integer({ min: 1, max: 70 });
const runs = { ...seeded, numRuns: randomCases(15) };

test('rows along memory', async () => {
  await fc.assert(
    fc.asyncProperty(counts, rows, async (count, R) => {
      const group = groupAlong(count, 2);
      expect([threadsOf(group) <= 256, group.lanes * 2 >= Math.min(count, 512)]).toEqual([true, true]);
      await expectTree(group, R);
      const subgroup = asSubgroup(group, device.subgroupSize);
      if (subgroup) await expectTree(subgroup, R);
    }),
    runs,
  );
});

test('rows side by side', async () => {
  await fc.assert(
    fc.asyncProperty(counts, rows, fc.integer({ min: 2, max: 100 }), async (count, R, neighbours) => {
      const group = groupBeside(count, 2, neighbours);
      expect([threadsOf(group) <= 256, group.rows >= Math.min(neighbours, 32)]).toEqual([true, true]);
      await expectTree(group, R);
    }),
    runs,
  );
});

test('a subgroup takes rows whose lanes fit it', () => {
  const group = groupAlong(60, 2);
  expect(group).toEqual({ lanes: 32, rows: 2, beside: false, subgroup: false });
  expect(asSubgroup(group, 64)).toEqual({ lanes: 32, rows: 2, beside: false, subgroup: true });
  expect(asSubgroup(group, 32)).toEqual({ lanes: 32, rows: 1, beside: false, subgroup: true });
  expect([asSubgroup(group, 16), asSubgroup(group, 0), asSubgroup({ ...group, beside: true }, 32)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
