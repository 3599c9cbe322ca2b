/** Lanes that diverge compute what each would alone: kernels beside the same functions in JavaScript, lane by lane. */
import { expect, test } from 'vitest';
import { run } from './launch.ts';

interface Case {
  readonly title: string;
  /** Functions and the body of the entry point, which sets `result` from `x`. */
  readonly functions?: string;
  readonly body: string;
  readonly expected: (x: number) => number;
}

const collatz = (start: number): number => {
  let [x, steps] = [start, 0];
  while (x > 1) {
    x = x % 2 === 0 ? x / 2 : 3 * x + 1;
    steps++;
  }
  return steps;
};

const CASES: readonly Case[] = [
  {
    title: 'a loop of a different number of turns in each lane',
    body: `var value = x;
  while (value > 1) {
    if (value % 2 == 0) { value /= 2; } else { value = 3 * value + 1; }
    result++;
  }`,
    expected: collatz,
  },
  {
    title: 'break and continue in nested loops',
    body: `for (var i = 0u; i < x; i++) {
    if (i % 3 == 1) { continue; }
    for (var j = 0u; ; j++) {
      if (j == i) { break; }
      if ((i + j) % 2 == 0) { continue; }
      result += j;
      if (result > 40) { break; }
    }
    if (result > 60) { break; }
    result += 1;
  }`,
    expected: (x) => {
      let result = 0;
      for (let i = 0; i < x; i++) {
        if (i % 3 === 1) continue;
        for (let j = 0; ; j++) {
          if (j === i) break;
          if ((i + j) % 2 === 0) continue;
          result += j;
          if (result > 40) break;
        }
        if (result > 60) break;
        result += 1;
      }
      return result;
    },
  },
  {
    title: 'a loop that ends by break if, after its continuing part',
    body: `var i = 0u;
  loop {
    if (i == 5) { break; }
    result += i;
    if (result % 2 == 0) { continue; }
    result += 10;
    continuing { i++; break if i >= x; }
  }`,
    expected: (x) => {
      let result = 0;
      let i = 0;
      do {
        if (i === 5) break;
        result += i;
        if (result % 2 !== 0) result += 10;
        i++;
      } while (i < x);
      return result;
    },
  },
  {
    title: 'returns from inside of loops of a function that is called twice in one expression',
    functions: `fn firstDivisor(n: u32, least: u32) -> u32 {
  for (var d = least; d < n; d++) {
    if (n % d == 0) { return d; }
  }
  return n;
}`,
    body: 'result = firstDivisor(x + 2, 2) * 100 + firstDivisor(firstDivisor(x + 30, 3), 2);',
    expected: (x) => {
      const firstDivisor = (n: number, least: number): number => {
        for (let d = least; d < n; d++) if (n % d === 0) return d;
        return n;
      };
      return firstDivisor(x + 2, 2) * 100 + firstDivisor(firstDivisor(x + 30, 3), 2);
    },
  },
  {
    title: 'a switch with a default among its cases, a break, and a continue of the loop around it',
    body: `for (var i = 0u; i < x; i++) {
    switch (i % 5) {
      case 0: { result += 1; }
      case 1, 2: { if (x > 9) { break; } result += 10; }
      case 4, default: { if (x % 2 == 0) { continue; } result += 100; }
    }
    result += 1000;
  }`,
    expected: (x) => {
      let result = 0;
      for (let i = 0; i < x; i++) {
        const kind = i % 5;
        if (kind === 0) result += 1;
        else if (kind <= 2) result += x > 9 ? 0 : 10;
        else if (x % 2 === 0) continue;
        else result += 100;
        result += 1000;
      }
      return result;
    },
  },
  {
    title: 'operands of && and || that are evaluated only if they decide',
    functions: `var<private> calls: u32;
fn counts(value: bool) -> bool { calls++; return value; }`,
    body: `let both = counts(x % 2 == 0) && counts(x % 3 == 0);
  let either = counts(x % 5 == 0) || counts(both);
  result = calls * 10 + select(0u, 1u, both) + select(0u, 2u, either);`,
    expected: (x) => {
      const [two, three, five] = [2, 3, 5].map((d) => x % d === 0);
      const both = two && three;
      const calls = 1 + (two ? 1 : 0) + 1 + (five ? 0 : 1);
      return calls * 10 + (both ? 1 : 0) + (five || both ? 2 : 0);
    },
  },
  {
    title: 'a private variable that an operand changes after it was read',
    functions: `var<private> count: u32 = 7;
fn next(by: u32) -> u32 { count += by; return count; }`,
    body: 'result = count * 1000 + next(x) * 10 + count;',
    expected: (x) => 7000 + (7 + x) * 10 + 7 + x,
  },
  {
    title: 'elements and components that are chosen at run time',
    body: `var table = array<vec4u, 3>();
  for (var i = 0u; i < 12; i++) { table[i / 4][i % 4] = i * i; }
  table[x % 3][(x + 1) % 4] += 1000u;
  let row = table[x % 3];
  result = row[x % 4] + table[2].w + row.yx.x;`,
    expected: (x) => {
      const table = Array.from({ length: 12 }, (_, i) => i * i);
      table[(x % 3) * 4 + ((x + 1) % 4)] += 1000;
      return table[(x % 3) * 4 + (x % 4)] + table[11] + table[(x % 3) * 4 + 1];
    },
  },
];

const LANES = 24;

test.each(CASES)('$title', ({ functions = '', body, expected }) => {
  const wgsl = `
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
${functions}
@compute @workgroup_size(${LANES})
fn main(@builtin(local_invocation_index) x: u32) {
  var result = 0u;
  ${body}
  y[x] = result;
}`;
  const y = new Uint32Array(LANES);
  run({ wgsl, buffers: [y] });
  expect([...y]).toEqual(Array.from({ length: LANES }, (_, x) => expected(x)));
});
