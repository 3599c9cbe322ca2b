import { readdirSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { PACKAGE_ALIAS } from './app/packageAlias.ts';

/**
 * Rooms whose tests share a process: each file leaves it as it was, so that modules are loaded once. That takes a third off their
 * time. The others change the directory, signals or exit codes of their process, or replace modules, and have one to themselves.
 */
const SHARED =
  'app base bench dashboard endToEnd experiments formats fuzz gpu grpo kernels model oracle pretrain smoke tasks tensor training'.split(
    ' ',
  );
/** Files of these rooms that replace modules. */
const REPLACING = ['tests/model/tuneFor.test.ts'];
/** The others; the tests of `browser` are run by `npm run test:browser`. */
const APART = readdirSync('tests', { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && ![...SHARED, 'browser'].includes(entry.name))
  .map(({ name }) => name);
const testsOf = (rooms: readonly string[]): string[] => rooms.map((room) => `tests/${room}/**/*.test.ts`);

/**
 * The time limit leaves room for the first compilation of kernels, which takes a software driver up to a minute each and is
 * cached from then on.
 */
const project = (
  name: string,
  options: TestProjectInlineConfiguration['test'],
): TestProjectInlineConfiguration => ({
  resolve: { alias: PACKAGE_ALIAS },
  test: {
    name,
    pool: 'forks',
    // Node 20 has browsers' WebSocket behind this flag; later versions have it.
    execArgv: ['--experimental-websocket'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    ...options,
  },
});

/**
 * Two files at a time: what takes long, compiling kernels and waiting for processes, leaves one of two cores idle. No more, since
 * they share one GPU and its memory.
 */
export default defineConfig({
  test: {
    globalSetup: ['tests/cluster/missingServer.ts'],
    maxWorkers: 2,
    projects: [
      project('shared', {
        include: [...testsOf(SHARED), ...REPLACING.map((path) => `!${path}`)],
        isolate: false,
      }),
      project('apart', { include: [...testsOf(APART), ...REPLACING] }),
    ],
  },
});
