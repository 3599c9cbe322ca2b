/** Versions and commits that a run writes down. */
import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cpuModel, gitCommit, versions, webgpuVersion } from '../../src/runs/provenance.ts';

const execFileSync = vi.hoisted(() => vi.fn());
vi.mock('node:child_process', () => ({ execFileSync }));
vi.mock('node:os', { spy: true });
afterEach(() => {
  vi.resetAllMocks();
});

const version = (path: string) => JSON.parse(readFileSync(path, 'utf8')).version;

it('names the versions of the package, of Node and of Dawn, and the platform', () => {
  expect(versions()).toEqual({
    mathformer: version('package.json'),
    node: process.version,
    webgpu: version('node_modules/webgpu/package.json'),
    platform: `${process.platform}-${arch()}`,
  });
  expect(webgpuVersion()).toBe(versions().webgpu);
});

it('names the CPU as it calls itself, if it does', () => {
  const [cpu] = cpus();
  if (!cpu) throw new Error('there is no CPU');
  vi.mocked(cpus).mockReturnValueOnce([{ ...cpu, model: ' Acme 9000 ' }]);
  expect(cpuModel()).toBe('Acme 9000');
  for (const none of [[], [{ ...cpu, model: ' ' }]]) {
    vi.mocked(cpus).mockReturnValueOnce(none);
    expect(cpuModel()).toBe('unknown');
  }
});

describe('the commit', () => {
  it('is that of the sources, and says if they differ from it', () => {
    execFileSync.mockReturnValue('c0ffee-dirty\n');
    expect(gitCommit()).toBe('c0ffee-dirty');
    const [program, args, options] = execFileSync.mock.calls[0] ?? [];
    expect([program, args]).toEqual(['git', expect.arrayContaining(['describe', '--always', '--dirty'])]);
    expect(String(options.cwd)).toMatch(/\/src\/runs\/$/);
    // What git says of its failures is nobody's business.
    expect(options).toMatchObject({ stdio: ['ignore', 'pipe', 'ignore'], timeout: 5000 });
  });

  it('is null where there is none, or no git', () => {
    execFileSync.mockReturnValue(' \n');
    expect(gitCommit()).toBeNull();
    execFileSync.mockImplementation(() => {
      throw new Error('ENOENT');
    });
    expect(gitCommit()).toBeNull();
  });
});
