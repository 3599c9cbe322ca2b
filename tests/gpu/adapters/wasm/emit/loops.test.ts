import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { run } from './launch.ts';

const LENGTH = 16;
const MOST_TURNS = 40;

/** Sum of elements that a counted loop reads, and the array that it writes. */
interface Outcome {
  readonly sum: number;
  readonly written: readonly number[];
}

interface Case {
  readonly type: 'u32' | 'i32';
  readonly comparison: '<' | '<=';
  readonly start: number;
  readonly limit: number;
  readonly step: number;
  readonly rate: number;
  readonly offset: number;
}

const x = Uint32Array.from({ length: LENGTH }, (_, i) => 7 * i + 1);

function compiled(
  { type, comparison, start, limit, step, rate, offset }: Case,
  loop: 'for' | 'while',
): Outcome {
  const head = `i ${comparison} limit`;
  const body = `
    if (turns == ${MOST_TURNS}) { break; }
    turns++;
    let at = i * rate + offset;
    sum = sum * 3 + x[at] + x[at + 1] + 5 * x[at - 2];
    y[2 * i + 3] += u32(i) + 1;
    y[i] ^= 1;`;
  const y = new Uint32Array(LENGTH);
  const result = new Uint32Array(1);
  const given = type === 'u32' ? new Uint32Array(5) : new Int32Array(5);
  given.set([start, limit, step, rate, offset]);
  run({
    wgsl: `
@group(0) @binding(0) var<storage, read> given: array<${type}>;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<storage, read_write> result: array<u32>;
@compute @workgroup_size(1)
fn main() {
  let limit = given[1]; let step = given[2]; let rate = given[3]; let offset = given[4];
  var sum = 0u;
  var turns = 0u;
  ${
    loop === 'for'
      ? `for (var i = given[0]; ${head}; i += step) { ${body} }`
      : `var i = given[0]; while (${head}) { ${body} i += step; }`
  }
  result[0] = sum;
}`,
    buffers: [given, x, y, result],
  });
  return { sum: result[0] ?? 0, written: [...y] };
}

/** The same in JavaScript, every index clamped. */
function expected({ type, comparison, start, limit, step, rate, offset }: Case): Outcome {
  const wrap = (value: number): number => (type === 'u32' ? value >>> 0 : value | 0);
  const clamp = (index: number): number => Math.min(index >>> 0, LENGTH - 1);
  const written = new Uint32Array(LENGTH);
  let sum = 0;
  let i = wrap(start);
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    if (comparison === '<' ? !(i < wrap(limit)) : !(i <= wrap(limit))) break;
    const at = Math.imul(i, rate) + offset;
    const read = (index: number): number => x[clamp(index)] ?? 0;
    sum = (Math.imul(sum, 3) + read(at) + read(at + 1) + 5 * read(at - 2)) >>> 0;
    const far = clamp(2 * i + 3);
    written[far] = (written[far] ?? 0) + i + 1;
    const near = clamp(i);
    written[near] = (written[near] ?? 0) ^ 1;
    i = wrap(i + step);
  }
  return { sum, written: [...written] };
}

const unsigned = fc.oneof(
  fc.nat(20),
  fc.integer({ min: 0xfffffff0, max: 0xffffffff }),
  fc.constantFrom(0x7fffffff, 0x80000000),
);
const signed = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.integer({ min: 0x7ffffff0, max: 0x7fffffff }),
  fc.integer({ min: -0x80000000, max: -0x7ffffff0 }),
);
const small = fc.oneof(fc.nat(3), unsigned);
const cases = fc.oneof(
  fc.record<Case>({
    type: fc.constant('u32'),
    comparison: fc.constantFrom('<', '<='),
    start: unsigned,
    limit: unsigned,
    step: small,
    rate: small,
    offset: small,
  }),
  fc.record<Case>({
    type: fc.constant('i32'),
    comparison: fc.constantFrom('<', '<='),
    start: signed,
    limit: signed,
    step: fc.oneof(fc.integer({ min: -3, max: 3 }), signed),
    rate: fc.oneof(fc.integer({ min: -3, max: 3 }), signed),
    offset: signed,
  }),
  // In range, or nearly so: the version with moving pointers, and those that must not use it.
  fc.record<Case>({
    type: fc.constant('i32'),
    comparison: fc.constantFrom('<', '<='),
    start: fc.nat(5),
    limit: fc.nat(9),
    step: fc.integer({ min: 1, max: 3 }),
    rate: fc.integer({ min: -2, max: 2 }),
    offset: fc.integer({ min: 0, max: 17 }),
  }),
);

describe('counted loops', () => {
  test.each(['for', 'while'] as const)(
    '%s: any start, limit, step and index; in range and out of it',
    (loop) => {
      fc.assert(
        fc.property(cases, (of) => {
          expect(compiled(of, loop)).toEqual(expected(of));
        }),
        { numRuns: 400 },
      );
    },
  );

  test('a step of 1, an inner loop per row, an index that falls', () => {
    const y = new Uint32Array(12);
    run({
      wgsl: `
struct Params { rows: u32, width: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main() {
  for (var row = 0u; row < params.rows; row++) {
    var sum = vec4u();
    for (var i = 0u; i < params.width; i++) {
      sum += x[row * params.width + i] * x[(row + 1) * params.width - 1 - i].y;
    }
    for (var i = 0u; i < 4u; i++) { y[row * 4 + i] = sum[i]; }
  }
}`,
      buffers: [new Uint32Array([3, 2, 0, 0]), Uint32Array.from({ length: 24 }, (_, i) => i), y],
    });
    const row = (at: number): number[] =>
      [0, 1, 2, 3].map((c) => (at + c) * (at + 5) + (at + 4 + c) * (at + 1));
    expect([...y]).toEqual([0, 8, 16].flatMap(row));
  });

  test('an unequal comparison, a limit that changes, a counter that the body changes: as they are written', () => {
    const y = new Uint32Array(16);
    run({
      wgsl: `
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main() {
  for (var i = 0u; i != 3; i++) { y[i] = i + 1; }
  var limit = 6u;
  for (var i = 4u; i < limit; i++) { y[i] = 10 * i; if (i == 4) { limit += 1; } }
  for (var i = 8u; i < 14u; i++) { y[i] = 100 + i; if (i == 9) { i += 2; } }
}`,
      buffers: [y],
    });
    expect([...y]).toEqual([1, 2, 3, 0, 40, 50, 60, 0, 108, 109, 0, 0, 112, 113, 0, 0]);
  });

  test('a read of what the turn before wrote', () => {
    const y = new Uint32Array([1, 2, 3, 4, 5, 6]);
    run({
      wgsl: `
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main() {
  let n = arrayLength(&y);
  for (var i = 1u; i < n; i++) { y[i] = y[i - 1] + y[i]; }
  for (var i = 0u; i < n; i++) { y[i] += y[n - 1 - i]; }
}`,
      buffers: [y],
    });
    expect([...y]).toEqual([1 + 21, 3 + 15, 6 + 10, 10 + 16, 15 + 18, 21 + 22]);
  });
});
