import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { run } from './launch.ts';

/** Run a body that computes u32 `result` from u32 `a` and `b`. */
function compute(body: string, a: number, b: number, functions = ''): number {
  const result = new Uint32Array(1);
  run({
    wgsl: `
@group(0) @binding(0) var<storage, read> given: array<u32>;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;
${functions}
@compute @workgroup_size(1)
fn main() {
  let a = given[0];
  let b = given[1];
  var result = 0u;
  ${body}
  results[0] = result;
}`,
    buffers: [new Uint32Array([a, b]), result],
  });
  return result[0] ?? 0;
}

const small = fc.nat(12);

/** Check a body against the same in JavaScript. */
function check(body: string, expected: (a: number, b: number) => number, functions = ''): void {
  fc.assert(
    fc.property(small, small, (a, b) => {
      expect(compute(body, a, b, functions)).toBe(expected(a, b) >>> 0);
    }),
    { numRuns: 30 },
  );
}

describe('control flow', () => {
  test('a loop may end anywhere', () => {
    check(
      `for (var i = 0u; i < a; i++) {
        if (i == b) { break; }
        if (i % 3 == 1) { continue; }
        result += i * 10 + 1;
      }`,
      (a, b) => {
        let result = 0;
        for (let i = 0; i < a && i !== b; i++) if (i % 3 !== 1) result += i * 10 + 1;
        return result;
      },
    );
  });

  test('continuing sees variables of the body, also after a continue; break if ends the loop', () => {
    check(
      `var i = 0u;
      loop {
        var step = 1u;
        let twice = i * 2;
        if (i > b) { continue; }
        step = 2u;
        result += twice;
        continuing {
          result += 100 * step;
          i += 1;
          break if i > a;
        }
      }`.replace(
        'if (i > b) { continue; }\n        step',
        'if (i > b) { result += 7; continue; }\n        step',
      ),
      (a, b) => {
        let [i, result] = [0, 0];
        do {
          let step = 1;
          if (i > b) result += 7;
          else {
            step = 2;
            result += 2 * i;
          }
          result += 100 * step;
          i += 1;
        } while (!(i > a));
        return result;
      },
    );
  });

  test('loops in loops, and a break of the inner one', () => {
    check(
      `for (var i = 0u; i < a; i++) {
        var j = 0u;
        while (true) {
          if (j >= i) { break; }
          j++;
          if (j == b) { continue; }
          result = result * 3 + j;
        }
        result ^= j;
      }`,
      (a, b) => {
        let result = 0;
        for (let i = 0; i < a; i++) {
          let j = 0;
          while (j < i) {
            j++;
            if (j !== b) result = (Math.imul(result, 3) + j) >>> 0;
          }
          result = (result ^ j) >>> 0;
        }
        return result;
      },
    );
  });

  test('switch: several values, a default in the middle, break, and a continue of the loop around', () => {
    check(
      `for (var i = 0u; i < a; i++) {
        switch (i % 6) {
          case 1, 2: { result += 1; if (b > 5) { break; } result += 10; }
          default: { result += 100; }
          case 3: { continue; }
        }
        result += 1000;
      }`,
      (a, b) => {
        let result = 0;
        for (let i = 0; i < a; i++) {
          const value = i % 6;
          if (value === 3) continue;
          if (value === 1 || value === 2) result += b > 5 ? 1 : 11;
          else result += 100;
          result += 1000;
        }
        return result;
      },
    );
  });

  test('functions return from loops and branches, and call each other', () => {
    check(
      'result = search(a, b) * 100 + search(b, a) + twice(twice(a));',
      (a, b) => {
        const search = (x: number, y: number) => {
          for (let i = 0; i < x; i++) if (i * i >= y) return i;
          return x > y ? 50 : 60;
        };
        return search(a, b) * 100 + search(b, a) + 4 * a;
      },
      `fn twice(x: u32) -> u32 { return x + x; }
      fn search(x: u32, y: u32) -> u32 {
        for (var i = 0u; i < x; i++) { if (i * i >= y) { return i; } }
        if (x > y) { return 50u; } else { return 60u; }
      }`,
    );
  });

  test('&& and || evaluate the right operand only if it decides', () => {
    check(
      `if (a > 3 && noted()) { result += 1; }
      if (b > 3 || noted()) { result += 2; }
      result += 10 * count;`,
      (a, b) => {
        let [result, count] = [0, 0];
        if (a > 3) {
          count++;
          result += 1;
        }
        if (b <= 3) count++;
        return result + 2 + 10 * count;
      },
      'var<private> count: u32;\nfn noted() -> bool { count++; return true; }',
    );
  });

  test('private variables are changed by functions that are called in loops', () => {
    check(
      'for (var i = 0u; i < a; i++) { add(i + b); } result = total;',
      (a, b) => {
        let total = 5;
        for (let i = 0; i < a; i++) total = Math.imul(total, 7) + i + b;
        return total;
      },
      'var<private> total: u32 = 5u;\nfn add(x: u32) { total = total * 7 + x; }',
    );
  });

  test('a declaration in a loop begins anew in each turn', () => {
    check(
      `for (var i = 0u; i < a; i++) {
        var fresh: u32;
        var list: array<u32, 3>;
        fresh += i;
        list[i % 3] += b + fresh;
        result += fresh + list[0] + 2 * list[1] + 3 * list[2];
      }`,
      (a, b) => {
        let result = 0;
        for (let i = 0; i < a; i++) result += i + ((i % 3) + 1) * (b + i);
        return result;
      },
    );
  });
});

describe('workgroups and invocations', () => {
  const wgsl = `
@group(0) @binding(0) var<storage, read_write> seen: array<vec4u>;
@compute @workgroup_size(2, 3, 2)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) index: u32,
  @builtin(global_invocation_id) id: vec3u) {
  let number = group.x + groups.x * (group.y + groups.y * group.z);
  let same = all(id == group * vec3u(2, 3, 2) + local) && index == local.x + 2 * local.y + 6 * local.z;
  seen[number * 12 + index] += vec4u(id, select(0u, 1u, same));
}`;

  test.each([
    [0, 24],
    [0, 0],
    [5, 6],
    [7, 20],
  ])('workgroups %i to %i of 3 × 2 × 4 run, each once', (first, end) => {
    const seen = new Uint32Array(24 * 12 * 4);
    run({ wgsl, buffers: [seen], workgroups: [3, 2, 4], range: [first, end] });
    const expected = new Uint32Array(seen.length);
    for (let group = first; group < end; group++) {
      for (let local = 0; local < 12; local++) {
        const x = (group % 3) * 2 + (local % 2);
        const y = (Math.floor(group / 3) % 2) * 3 + (Math.floor(local / 2) % 3);
        const z = Math.floor(group / 6) * 2 + Math.floor(local / 6);
        expected.set([x, y, z, 1], 4 * (12 * group + local));
      }
    }
    expect(seen).toEqual(expected);
  });

  test('an early return ends one invocation only', () => {
    const seen = new Uint32Array(8);
    run({
      wgsl: `
@group(0) @binding(0) var<storage, read_write> seen: array<u32>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) i: u32) {
  seen[i] = 1;
  if (i % 3 == 1) { return; }
  seen[i] = 2;
}`,
      buffers: [seen],
    });
    expect([...seen]).toEqual([2, 1, 2, 2, 1, 2, 2, 1]);
  });
});
