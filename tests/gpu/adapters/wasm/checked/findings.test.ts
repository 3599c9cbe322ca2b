/** The interpreter finds a seeded fault of each kind, says where it is, and finds nothing once the fault is mended. */
import { describe, expect, test } from 'vitest';
import type { Expression } from '../../../../../src/gpu/adapters/wasm/wgsl/tree.ts';
import { type Change, findingsOf, type Launch, run } from './launch.ts';

const floats = (count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, i) => i + 1);

/** A kernel with a fault, one without, and the finding. */
interface Case {
  readonly title: string;
  readonly faulty: string;
  readonly mended: string;
  readonly launch: () => Omit<Launch, 'wgsl'>;
  readonly kind: string;
  readonly says: string;
}

const copyKernel = (condition: string): string => `
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (${condition}) {
    y[id.x] = x[id.x];
  }
}`;

const reversal = (barrier: string): string => `
var<workgroup> shared_values: array<f32, 8>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  shared_values[lane] = f32(lane);
  ${barrier}
  y[group.x * 8 + lane] = shared_values[7 - lane];
}`;

const initialised = (count: string): string => `
var<workgroup> parts: array<f32, 8>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane < ${count}) { parts[lane] = 1.0; }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < 8; i++) { sum += parts[i]; }
  if (sum > 4.0) { y[lane] = 1.0; }
}`;

const counted = (place: string): string => `
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (lane == 0) { y[${place}] = group.x; }
}`;

const broadcasting = (condition: string): string => `enable subgroups;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(subgroup_invocation_id) lane: u32) {
  var value = f32(lane);
  if (${condition}) { value = subgroupBroadcast(value, 3); }
  y[lane] = value;
}`;

const exchanging = (mask: number): string => `enable subgroups;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(subgroup_invocation_id) lane: u32) { y[lane] = subgroupShuffleXor(f32(lane), ${mask}u); }`;

const dependent = (index: string): string => `
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(2)
fn main(@builtin(local_invocation_index) lane: u32) {
  y[${index}] = 1.0;
}`;

const component = (index: string): string => `
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) lane: u32) {
  var row = array<f32, 4>();
  row[${index}] = x[0][lane];
  y[lane] = row[lane];
}`;

const CASES: readonly Case[] = [
  {
    title: 'an index one past the end of a binding',
    faulty: copyKernel('id.x <= 5'),
    mended: copyKernel('id.x < 5'),
    launch: () => ({ buffers: [floats(5), floats(8)] }),
    kind: 'out of bounds',
    says: "line 7 `y[id.x] = x[id.x];`: index 5 of 'x', which has 5 elements (lane 5 of workgroup (0, 0, 0))",
  },
  {
    title: 'an index outside of an array of a function',
    faulty: component('lane + 1'),
    mended: component('lane'),
    launch: () => ({ buffers: [floats(4), floats(4)] }),
    kind: 'out of bounds',
    says: "index 4 of 'row', which has 4 elements (lane 3 of",
  },
  {
    title: 'a missing barrier',
    faulty: reversal(''),
    mended: reversal('workgroupBarrier();'),
    launch: () => ({ buffers: [floats(24)], workgroups: [3, 1, 1] }),
    kind: 'data race',
    says: "line 8 `y[group.x * 8 + lane] = shared_values[7 - lane];`: the lane reads byte 28 of 'shared_values', and lane 7 writes it",
  },
  {
    title: 'a barrier for other memory',
    faulty: reversal('storageBarrier();'),
    mended: reversal('workgroupBarrier();'),
    launch: () => ({ buffers: [floats(24)], workgroups: [3, 1, 1] }),
    kind: 'data race',
    says: 'without a barrier between',
  },
  {
    title: 'two workgroups that write one place',
    faulty: counted('group.x / 2'),
    mended: counted('group.x'),
    launch: () => ({ buffers: [new Uint32Array(4)], workgroups: [4, 1, 1] }),
    kind: 'data race',
    says: "writes byte 0 of 'y', and another workgroup writes it (lane 0 of workgroup (1, 0, 0))",
  },
  {
    title: 'a branch on workgroup memory of which a part was not written',
    faulty: initialised('7'),
    mended: initialised('8'),
    launch: () => ({ buffers: [floats(8)] }),
    kind: 'undefined value',
    says: "the condition depends on a value that kernel 'kernel' read from 'parts' where nothing was written, line 9",
  },
  {
    title: 'an index that was never written',
    faulty: dependent('indices[lane]'),
    mended: dependent('select(indices[lane], lane, true)'),
    launch: () => {
      const indices = new Uint32Array(2);
      return { buffers: [indices, floats(2)], unwritten: [indices] };
    },
    kind: 'undefined value',
    says: "the index of 'y' depends on a value that kernel 'kernel' read from 'indices' where nothing was written",
  },
  {
    title: 'a subgroup operation that some lanes do not reach',
    faulty: broadcasting('lane < 6'),
    mended: broadcasting('lane < 8'),
    launch: () => ({ buffers: [floats(8)], subgroup: 8 }),
    kind: 'non-uniform control flow',
    says: '6 of the 8 lanes of a subgroup reach subgroupBroadcast',
  },
  {
    title: 'a value of a lane that is not active',
    faulty: broadcasting('lane > 3'),
    mended: broadcasting('lane >= 0'),
    launch: () => ({ buffers: [floats(8)], subgroup: 8 }),
    kind: 'inactive lane',
    says: 'subgroupBroadcast reads lane 3, which is not active',
  },
  {
    title: 'an exchange with a lane that does not exist',
    faulty: exchanging(8),
    mended: exchanging(4),
    launch: () => ({ buffers: [floats(8)], subgroup: 8 }),
    kind: 'inactive lane',
    says: 'subgroupShuffleXor reads lane 8, which does not exist in subgroups of 8',
  },
];

describe.each(CASES)('$title', ({ faulty, mended, launch, kind, says }) => {
  test('is found', () => {
    const found = findingsOf({ wgsl: faulty, ...launch() });
    expect(found.map((finding) => finding.kind)).toContain(kind);
    const { message = '' } = found.find((finding) => finding.kind === kind) ?? {};
    expect(message).toContain(`${kind} in kernel 'kernel'`);
    expect(message).toContain(says);
  });

  test('is not found where there is none', () => {
    expect(findingsOf({ wgsl: mended, ...launch() })).toEqual([]);
  });
});

const GUARDED = `
var<workgroup> total: f32;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (x[0] > 6.0) { return; }
  if (lane == 0) { total = x[0]; }
  workgroupBarrier();
  y[lane] = total;
}`;

/** Let the condition of the first statement read x[lane] instead of x[0], which the checker of shaders would refuse. */
const divergent: Change = (shader) => {
  const { function: main } = shader.entry;
  const [first, ...rest] = main.body;
  const [lane] = main.parameters;
  if (first?.kind !== 'if' || first.condition.kind !== 'binary' || lane === undefined)
    throw new Error('the entry point begins with a comparison');
  const { left } = first.condition;
  if (left.kind !== 'load' || left.from.kind !== 'index') throw new Error('the comparison is of x[0]');
  const { type } = lane;
  const index: Expression = { kind: 'load', from: { kind: 'variable', variable: lane, type }, type };
  const condition = { ...first.condition, left: { ...left, from: { ...left.from, index } } };
  const body = [{ ...first, condition }, ...rest];
  return { ...shader, entry: { ...shader.entry, function: { ...main, body } } };
};

test('a barrier that some invocations do not reach is found, where the checker of shaders did not see it', () => {
  const found = findingsOf({ wgsl: GUARDED, buffers: [floats(8), floats(8)], change: divergent });
  expect(found[0]).toMatchObject({
    kind: 'non-uniform control flow',
    message: expect.stringContaining(
      'line 9 `workgroupBarrier();`: 6 of the 8 invocations of the workgroup reach workgroupBarrier',
    ),
  });
  run({ wgsl: GUARDED, buffers: [floats(8), floats(8)] });
});

test('two bindings that overlap are found, if one is written', () => {
  const [wgsl, values] = [copyKernel('id.x < 4'), floats(8)];
  const found = findingsOf({ wgsl, buffers: [values.subarray(0, 5), values.subarray(4, 8)] });
  expect(found[0]?.message).toBe(
    "overlapping bindings in kernel 'kernel': 'x' and 'y' are bound to the same memory, and one is written",
  );
  run({ wgsl, buffers: [values.subarray(0, 4), values.subarray(4, 8)] });
});
