import { describe, expect, test } from 'vitest';
import { run } from './launch.ts';

const HEADER = `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
var<workgroup> shared_: array<u32, 8>;
`;

/** Run a kernel of two workgroups of 8 invocations on x[i] = 3i + 1. */
function compute(code: string): number[] {
  const y = new Uint32Array(16);
  const x = Uint32Array.from({ length: 16 }, (_, i) => 3 * i + 1);
  run({ wgsl: `${HEADER}${code}`, buffers: [x, y], workgroups: [2, 1, 1] });
  return [...y];
}

const MAIN = `@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32)`;
const value = (i: number): number => 3 * i + 1;
const each = (f: (group: number, lane: number) => number): number[] =>
  Array.from({ length: 16 }, (_, i) => f(Math.floor(i / 8), i % 8));
const sum = (group: number): number =>
  Array.from({ length: 8 }, (_, lane) => value(8 * group + lane)).reduce((a, b) => a + b);

describe('barriers', () => {
  test('what is written before one is read after it, and variables live across', () => {
    const y = compute(`${MAIN} {
  let at = group.x * 8 + lane;
  var own = x[at];
  shared_[lane] = own * 2;
  workgroupBarrier();
  own += shared_[7 - lane];
  y[at] = own + at;
}`);
    expect(y).toEqual(each((g, l) => value(8 * g + l) + 2 * value(8 * g + 7 - l) + 8 * g + l));
  });

  test('in a function that is called twice, in expressions, with a branch between barriers', () => {
    const y = compute(`
fn total(v: u32, lane: u32) -> u32 {
  workgroupBarrier();
  shared_[lane] = v;
  workgroupBarrier();
  if (lane < 4) { shared_[lane] += shared_[lane + 4]; }
  workgroupBarrier();
  if (lane < 2) { shared_[lane] += shared_[lane + 2]; }
  workgroupBarrier();
  return shared_[0] + shared_[1];
}
${MAIN} {
  let v = x[group.x * 8 + lane];
  let weighted = lane + 2 * total(v, lane) + total(v + 1, lane);
  y[group.x * 8 + lane] = weighted;
}`);
    expect(y).toEqual(each((g, l) => l + 2 * sum(g) + sum(g) + 8));
  });

  test('invocations return from a function, or under a condition, after the last barrier', () => {
    const y = compute(`
var<private> calls: u32;
fn half(lane: u32) -> u32 {
  shared_[lane] = lane + x[0];
  workgroupBarrier();
  calls += 1;
  if (lane < 4) { return shared_[lane + 4]; }
  calls += 10;
  return 100u;
}
${MAIN} {
  let first = half(lane);
  if (group.x == 0) {
    let second = half(lane);
    y[lane] = first + second;
    if (lane == 2) { return; }
  } else {
    y[8 + lane] = first;
  }
  y[group.x * 8 + lane] += 1000 * calls;
}`);
    const half = (l: number) => (l < 4 ? l + 5 : 100);
    const calls = (l: number) => (l < 4 ? 1 : 11);
    expect(y).toEqual(
      each((g, l) => (g === 1 ? half(l) + 1000 * calls(l) : 2 * half(l) + (l === 2 ? 0 : 2000 * calls(l)))),
    );
  });

  test('in a loop with a counter, a continue and a break that all invocations take', () => {
    const y = compute(`${MAIN} {
  var sum = x[0] - 1;
  for (var step = 1u; step < 100; step *= 2) {
    if (step == 4) { continue; }
    shared_[lane] = lane * step;
    workgroupBarrier();
    if (step > 16) { break; }
    sum += shared_[(lane + 1) % 8];
    workgroupBarrier();
  }
  y[group.x * 8 + lane] = sum;
}`);
    expect(y).toEqual(each((_, l) => ((l + 1) % 8) * (1 + 2 + 8 + 16)));
  });

  test('an early return of a whole workgroup, and of single invocations after the last barrier', () => {
    const y = compute(`${MAIN} {
  if (group.x == 1) { return; }
  shared_[lane] = lane + x[0] - 1;
  workgroupBarrier();
  if (lane % 2 == 0) { return; }
  y[lane] = 100 + shared_[lane - 1];
}`);
    expect(y).toEqual(each((g, l) => (g === 0 && l % 2 === 1 ? 100 + l - 1 : 0)));
  });

  test('under a uniform condition, with arrays and structs that live across', () => {
    const y = compute(`
struct Pair { first: u32, rest: vec2u }
${MAIN} {
  var list: array<u32, 4>;
  let unused = x[lane];
  var pair = Pair(lane, vec2u(1, 2));
  for (var i = 0u; i < 4; i++) { list[i] = lane * i; }
  if (group.x == 0) {
    shared_[lane] = list[(lane + group.x) % 4];
    workgroupBarrier();
    pair.rest.y = shared_[7 - lane];
  } else {
    pair.first = 50;
  }
  workgroupBarrier();
  y[group.x * 8 + lane] = pair.first + pair.rest.x + pair.rest.y + list[3];
}`);
    expect(y).toEqual(each((g, l) => (g === 0 ? l + 1 + (7 - l) * ((7 - l) % 4) : 50 + 1 + 2) + 3 * l));
  });

  test('workgroup memory is zero at the start of each workgroup', () => {
    const y = compute(`${MAIN} {
  let before = shared_[lane];
  workgroupBarrier();
  shared_[lane] = x[lane];
  workgroupBarrier();
  y[group.x * 8 + lane] = before + 1;
}`);
    expect(y).toEqual(each(() => 1));
  });

  test('private variables are those of the invocation', () => {
    const y = compute(`
var<private> mine: u32 = 3u;
fn add(v: u32) { mine += v; }
${MAIN} {
  add(lane + x[0] - 1);
  workgroupBarrier();
  add(10);
  y[group.x * 8 + lane] = mine;
}`);
    expect(y).toEqual(each((_, l) => 13 + l));
  });
});
