/** Runs files of the engine's tests inside a page, by Vitest's own runner. */
import type { File, Task, VitestRunner } from '@vitest/runner';
import { startTests } from 'vitest/internal/browser';

/** The result of one test. */
export interface PageTest {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** Messages of what failed. */
  readonly errors: readonly string[];
}

declare global {
  /** In place of `process.env`: the query of the page's address. */
  var environment: Readonly<Record<string, string>>;
}

globalThis.environment = Object.fromEntries(new URLSearchParams(location.search));

const TIMEOUT = 120_000;

const config: VitestRunner['config'] = {
  root: '/',
  setupFiles: [],
  name: undefined,
  passWithNoTests: false,
  testNamePattern: undefined,
  allowOnly: false,
  sequence: { seed: 1, hooks: 'stack', setupFiles: 'list' },
  chaiConfig: undefined,
  maxConcurrency: 1,
  testTimeout: TIMEOUT,
  hookTimeout: TIMEOUT,
  retry: 0,
  includeTaskLocation: undefined,
  tags: [],
  tagsFilter: undefined,
  strictTags: false,
};

/** Run a module of tests, and return the result of each. A file that does not load, or a hook that fails, is a failed test. */
export async function run(module: string): Promise<readonly PageTest[]> {
  const runner: VitestRunner = { config, importFile: (path) => import(path) };
  const files = await startTests([module], runner);
  return files.flatMap((file) => resultsOf(file, []));
}

function resultsOf(task: File | Task, parents: readonly string[]): PageTest[] {
  const name = [...parents, task.name];
  const errors = (task.result?.errors ?? []).map(({ message, stack = '' }) => `${message}\n${stack}`);
  if (task.type === 'test') {
    const { state } = task.result ?? {};
    const known = state === 'pass' ? 'passed' : state === 'fail' ? 'failed' : 'skipped';
    return [{ name: name.slice(1).join(' > '), state: known, errors }];
  }
  const own: PageTest[] = errors.length > 0 ? [{ name: name.join(' > '), state: 'failed', errors }] : [];
  return [...own, ...task.tasks.flatMap((each) => resultsOf(each, name))];
}
