import { defineConfig } from 'vitest/config';
import { testsWithoutDevice } from './tests/withoutDevice.ts';

/** `npm run test:fast`: the tests that compile no kernels, in under a minute. `npm test` runs all. */
export default defineConfig({
  test: { include: testsWithoutDevice(), pool: 'forks', maxWorkers: 2, testTimeout: 60_000 },
});
