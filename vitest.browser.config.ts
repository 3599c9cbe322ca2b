import { defineConfig } from 'vitest/config';

/** `npm run test:browser`: tests in Chromium and Firefox, where they are installed. A file starts each browser once. */
export default defineConfig({
  test: {
    include: ['tests/browser/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
