/** Measure the seconds from a command to its first training step, with and without the driver's shader cache. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Return the seconds until `train.ts` has logged a step. Software adapters on Linux use Mesa's shader cache. */
async function firstStep(environment: NodeJS.ProcessEnv): Promise<number> {
  const directory = join(mkdtempSync(join(tmpdir(), 'startup-')), 'run');
  const metrics = join(directory, 'metrics.jsonl');
  const started = performance.now();
  const command = ['--import', 'tsx', 'src/cli/train.ts', '--quiet', '--out', directory];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, ...environment },
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  while (child.exitCode === null && !(existsSync(metrics) && statSync(metrics).size > 0)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const seconds = (performance.now() - started) / 1000;
  if (child.exitCode !== null)
    throw new Error(`the training ended with exit code ${child.exitCode} before its first step`);
  child.kill('SIGKILL');
  await ended;
  return seconds;
}

export async function measureStartup(): Promise<{ readonly warm: number; readonly cold: number }> {
  await firstStep({}); // fill the cache
  const warm = await firstStep({});
  const cold = await firstStep({ MESA_SHADER_CACHE_DIR: mkdtempSync(join(tmpdir(), 'shaders-')) });
  return { warm, cold };
}
