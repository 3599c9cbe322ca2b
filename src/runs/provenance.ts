/** The origin of a run's results: versions and commit. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus } from 'node:os';

/** Return the versions of the code and of its surroundings. */
export function versions() {
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

/** Return the name of the CPU; in a virtual machine often only the vendor. */
export const cpuModel = (): string => cpus()[0]?.model.trim() || 'unknown';

/** Return the version of the npm package `webgpu`, which contains Dawn. */
export function webgpuVersion(): string {
  const { version }: { version: string } = createRequire(import.meta.url)('webgpu/package.json');
  return version;
}

/** Return the checked-out commit, with `-dirty` if files differ from it; null outside of a git checkout. */
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
