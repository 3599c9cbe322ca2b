import { defineConfig } from 'vitest/config';

/** `npm run test:browser`: tests in Chromium and Firefox, where they are installed. A file starts each browser once. */
export default defineConfig({
  test: {
    include: ['tests/browser/**/*.test.ts'],
    globalSetup: 'tests/browser/setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 8,
    expect: { poll: { timeout: 90_000 } },
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
