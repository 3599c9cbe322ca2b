import { defineConfig } from 'vitest/config';
import { PACKAGE_ALIAS } from './app/packageAlias.ts';

/**
 * Two files at a time: what takes long, compiling kernels and waiting for processes, leaves one of two cores idle. No more, since
 * they share one GPU and its memory. The time limit leaves room for the first compilation of kernels, which takes a software
 * driver up to a minute each and is cached from then on.
 */
export default defineConfig({
  resolve: { alias: PACKAGE_ALIAS },
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/browser'],
    globalSetup: ['tests/cluster/missingServer.ts'],
    pool: 'forks',
    // Node 20 has browsers' WebSocket behind this flag; later versions have it.
    execArgv: ['--experimental-websocket'],
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
