import { defineConfig } from 'vitest/config';

/** One file at a time: the tests share one GPU (often two CPU cores pretending to be one). */
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
