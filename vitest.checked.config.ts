import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/**
 * `npm run test:checked`: kernels run in the interpreter that finds accesses out of bounds, undefined values, data races and
 * barriers that not all invocations reach. Without subgroups every op, in the variants made for WebAssembly and in the portable
 * ones; with subgroups of each size every variant of the families that depend on it.
 */
const project = (adapter: string, include: string[]): TestProjectInlineConfiguration => ({
  test: {
    name: adapter,
    include,
    exclude: LONG,
    env: { MATHFORMER_ADAPTER: adapter },
    pool: 'forks',
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

/** Families of rows, and others whose variants depend on subgroups. */
const ROWS = ['rowGroup', 'softmax', 'layerNorm', 'logSoftmaxGather', 'reduce', 'sample', 'replay'];
const FAMILIES = [...ROWS, 'attention', 'decode', 'matmul', 'matmulOuter'].map(
  (name) => `tests/kernels/${name}.test.ts`,
);

/** Lanes of subgroups, and what takes longest: a run with few random cases has the small ones, of which a workgroup has several. */
const isBrief = process.env.MATHFORMER_BRIEF_TESTS !== undefined;
const LANES = isBrief ? [8] : [8, 16, 32, 64];
const LONG = isBrief ? ['tests/kernels/attentionStaged.test.ts'] : [];

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('wasm-checked', [
        'tests/kernels/*.test.ts',
        'tests/tensor/ops/*.test.ts',
        'tests/tensor/optim/*.test.ts',
        'tests/model/chunk.test.ts',
      ]),
      ...LANES.map((lanes) =>
        project(`wasm-checked-${lanes}`, [...FAMILIES, 'tests/tensor/ops/layerNorm.test.ts']),
      ),
    ],
  },
});
