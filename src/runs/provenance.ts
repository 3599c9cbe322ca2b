/** Where a run's results come from: the versions and the commit that made them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus } from 'node:os';

export interface Versions {
  readonly mathformer: string;
  readonly node: string;
  /** Of the npm package `webgpu`, which carries Dawn. */
  readonly webgpu: string;
  readonly platform: string;
}

export function versions(): Versions {
  const own: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return {
    mathformer: own.version,
    node: process.version,
    webgpu: webgpuVersion(),
    platform: `${process.platform}-${arch()}`,
  };
}

/** What the CPU calls itself: in a virtual machine often no more than whose it is. */
export const cpuModel = (): string => cpus()[0]?.model.trim() || 'unknown';

/** Version of the npm package `webgpu`. */
export function webgpuVersion(): string {
  const { version }: { version: string } = createRequire(import.meta.url)('webgpu/package.json');
  return version;
}

/** The commit this code was checked out at, with `-dirty` if files differ from it; null outside a git checkout. */
export function gitCommit(): string | null {
  try {
    const described = execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'], {
      cwd: new URL('.', import.meta.url),
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
      timeout: 5000,
    });
    return described.trim() || null;
  } catch {
    return null;
  }
}
