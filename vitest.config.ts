import { defineConfig } from 'vitest/config';

/**
 * One file at a time: the tests share one GPU (often two CPU cores pretending to be one). The time limit leaves room for
 * the first compilation of kernels, which takes a software driver up to a minute each and is cached from then on.
 */
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
