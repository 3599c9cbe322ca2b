/** Before all tests: builds the app from the sources as they are now, and trains runs to look at. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';
import { trainRuns } from './runs.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The directory of the runs that runs.ts names. */
    readonly runs: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const runs = await mkdtemp(join(tmpdir(), 'mathformer-runs-'));
  project.provide('runs', runs);
  await Promise.all([build({ configFile: 'app/vite.config.ts', logLevel: 'warn' }), trainRuns(runs)]);
  return () => rm(runs, { recursive: true });
}
