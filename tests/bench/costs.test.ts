/** Costs of kernels, counted from their WGSL: of small ones by hand, and the limits of all that GPUs run in a training step. */
import { describe, expect, test } from 'vitest';
import { kernelCost } from '../../bench/costs/kernelCost.ts';
import { excesses, stepKernels } from '../../bench/costs/stepKernels.ts';
import { plainGpu } from '../../bench/countingAdapter.ts';
import { costCases } from '../../bench/stepCases.ts';

const kernel = (body: string, before = ''): string => `
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<workgroup> shared_x: array<vec4f, 32>;
${before}
@compute @workgroup_size(16, 4)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(local_invocation_id) id: vec3u) {
${body}
}`;

describe('a kernel', () => {
  test('its workgroup, its buffers and its memory', () => {
    const cost = kernelCost(
      kernel(
        'var own: array<vec4f, 3>; own[lane % 3] = x[lane]; shared_x[lane % 32] = own[1]; y[lane] = kept[0] + own[0].x;',
        'var<private> kept: array<f32, 5>;',
      ),
    );
    expect(cost).toMatchObject({
      ...{ threads: 64, privateBytes: 3 * 16 + 5 * 4, workgroupBytes: 512, storageBuffers: 2 },
      lonelyLoops: [],
    });
  });

  test('the work of a turn of its innermost loop, functions included', () => {
    const cost = kernelCost(
      kernel(
        `
  var sum = vec4f();
  for (var i = 0u; i < 8; i++) {
    y[lane] = 0.5 * f32(i);
    for (var k = 0u; k < 4; k++) { sum = fma(x[i + k], shared_x[k], sum) + twice(x[k]); }
  }
  y[lane] = dot(sum, sum);`,
        'fn twice(v: vec4f) -> vec4f { return 2.0 * v; }',
      ),
    );
    // A multiply-add of 4, an addition of 4, a product of 4.
    expect(cost.innermost).toEqual({ loads: 2, stores: 0, sharedLoads: 1, flops: 8 + 4 + 4 });
  });

  test('the whole kernel where it has no loop', () => {
    const { innermost } = kernelCost(kernel('y[lane] = dot(x[lane], x[lane + 1]) + sqrt(x[0].x);'));
    expect(innermost).toEqual({ loads: 3, stores: 1, sharedLoads: 0, flops: 7 + 1 + 1 });
  });

  test('words that are alive at the same time', () => {
    const chain = kernelCost(
      kernel('let a = x[0]; let b = a + 1.0; let c = b + 1.0; let d = c + 1.0; y[lane] = d.x;'),
    );
    const together = kernelCost(
      kernel('let a = x[0]; let b = x[1]; let c = x[2]; let d = x[3]; y[lane] = (a + b + c + d).x;'),
    );
    expect(together.registers - chain.registers).toBe(2 * 4);
    const loop = kernelCost(
      kernel(
        'let a = x[0]; for (var i = 0u; i < 4; i++) { let b = x[i]; y[i] = a.x + b.x; let c = x[i + 1]; y[i + 1] = c.x; }',
      ),
    );
    // `a` stays for the next turn; `b` and `c` take turns.
    const without = kernelCost(
      kernel('for (var i = 0u; i < 4; i++) { let b = x[i]; y[i] = b.x; let c = x[i + 1]; y[i + 1] = c.x; }'),
    );
    expect(loop.registers - without.registers).toBe(4);
  });

  const SUM = 'for (var i = 0u; i < 64; i++) { y[i] = x[i].x; }';
  test.each([
    [`if (lane == 0) { ${SUM} }`, 1],
    [`if (id.x == 0u) { ${SUM} }`, 1],
    [`let first = lane % 8; if (first == 0 && y[0] > 0) { ${SUM} }`, 1],
    [`if (lane != 0) { return; } ${SUM}`, 1],
    [`if (lane != 0) { y[0] = 1; } else { ${SUM} }`, 1],
    ['if (lane < 1) { all_of_it(); }', 1],
    ['if (lane == 0) { y[0] = 1; }', 0],
    [`if (lane < 32) { ${SUM} }`, 0],
    [`if (y[0] == 0) { ${SUM} }`, 0],
    ['all_of_it();', 0],
  ])('loops of one lane: %s', (body, count) => {
    const { lonelyLoops } = kernelCost(kernel(body, `fn all_of_it() { ${SUM} }`));
    expect(lonelyLoops).toHaveLength(count);
  });

  test('what it takes beyond the limits', () => {
    const cost = kernelCost(
      kernel(`var own: array<f32, 65>; own[lane] = 1; if (lane == 0) { ${SUM} } y[0] = own[1];`),
    );
    expect(excesses(cost)).toEqual([
      '260 bytes of private arrays, at most 256',
      'one lane loops while the others wait',
    ]);
  });
});

/** Kernels that go beyond a limit, by the start of their names, with the reason. */
const EXCEPTIONS: readonly (readonly [string, string])[] = [
  [
    'matmul bias Bᵀ slices',
    'a lane of each slice group stores its four columns one by one where rows are not aligned',
  ],
  ['chunk lanes', 'a lane of each sequence goes through what its lanes found, to draw a token'],
];

describe('a training step on a GPU', () => {
  test.each([32, 0])('keeps to the limits with subgroups of %i lanes', async (lanes) => {
    const broken: string[] = [];
    for (const each of costCases()) {
      const kernels = await stepKernels(each, plainGpu(lanes));
      expect(kernels.length).toBeGreaterThan(20);
      for (const { kernel: name, cost } of kernels) {
        if (!cost) throw new Error(`${name} cannot be read`);
        const found = excesses(cost);
        const isException = EXCEPTIONS.some(([start]) => name.startsWith(start));
        if (found.length > 0 && !isException) broken.push(`${each.name}, ${name}: ${found.join('; ')}`);
      }
    }
    expect([...new Set(broken)]).toEqual([]);
  });
});
