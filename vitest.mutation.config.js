/**
 * The tests that `npm run mutation` repeats for every mutant: those of rooms whose logic needs no GPU, without the files
 * that train or run commands, so that a mutant takes a second. `ROOMS=grpo,tasks` takes the tests of these rooms alone,
 * `ROOMS=runs/checkpoints` those of this file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { testsWithoutDevice } from './tests/withoutDevice.ts';

const ROOMS = (process.env.ROOMS ?? 'base,tasks,grpo,pretrain,runs,cli').split(',');
/** Files that fail at every call of many, and files that compute while they are collected. */
const LONG = /(^|\/)faults\.test\.ts$/;
const SLOW = /from '[./]+\/tokenRows\.ts'/;

function quickTests(room) {
  const file = join(import.meta.dirname, 'tests', `${room}.test.ts`);
  if (existsSync(file)) return [file];
  return testsWithoutDevice(room, room !== '.').filter(
    (path) => !LONG.test(path) && !SLOW.test(readFileSync(path, 'utf8')),
  );
}

/** Adds a failed test to a file that fails while its tests are collected: Stryker looks at tests alone. */
class Uncollected {
  onInit(vitest) {
    this.vitest = vitest;
  }

  onTestRunEnd() {
    for (const file of this.vitest.state.getFiles()) {
      const { result } = file;
      if (!result?.errors?.length) continue;
      file.tasks.push({ type: 'test', name: 'is collected', mode: 'run', file, suite: file, result });
    }
  }
}

/** Stryker asks for threads, in which a test cannot change its directory, and Dawn does not open. */
const forks = {
  name: 'forks',
  configureVitest({ project }) {
    project.config.pool = 'forks';
  },
};

export default defineConfig({
  plugins: [forks],
  test: {
    include: ROOMS.flatMap(quickTests),
    reporters: [new Uncollected()],
    testTimeout: 60_000,
  },
});
