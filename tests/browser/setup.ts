/** Before all tests: builds the app from the sources as they are now, and trains runs to look at. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
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
  await Promise.all([buildApp(), trainRuns(runs)]);
  return () => rm(runs, { recursive: true });
}

/** Build as `npm run app:build` does: Vitest's own environment would have the app built for tests. */
async function buildApp(): Promise<void> {
  const env = { ...process.env, NODE_ENV: 'production' };
  await promisify(execFile)('npm', ['run', '--silent', 'app:build'], { env });
}
