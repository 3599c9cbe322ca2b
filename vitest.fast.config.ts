import { defineConfig } from 'vitest/config';
import { PACKAGE_ALIAS } from './app/packageAlias.ts';
import { testsWithoutDevice } from './tests/withoutDevice.ts';

/** `npm run test:fast`: the tests that compile no kernels, in under a minute. `npm test` runs all. */
export default defineConfig({
  resolve: { alias: PACKAGE_ALIAS },
  test: {
    include: testsWithoutDevice(),
    globalSetup: ['tests/cluster/missingServer.ts'],
    pool: 'forks',
    execArgv: ['--experimental-websocket'],
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
