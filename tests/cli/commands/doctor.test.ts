/** The doctor's report of this machine, and its exit codes. */
import { execFile, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { examine, format } from '../../../src/cli/commands/doctor.ts';
import { launch } from '../cliProcess.ts';

const STRANGER = ['--reuid', '54321', '--regid', '54321', '--clear-groups', 'env', '-u', 'HOME'];
/** True if another user can read the sources. Only root can become another user. */
const strangerReadsSources =
  spawnSync('setpriv', [...STRANGER, 'test', '-r', 'src/cli/doctor.ts']).status === 0;

function doctor(...args: string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'src/cli/doctor.ts', ...args], (error, stdout) => {
      resolve({ code: error ? Number(error.code) : 0, stdout });
    });
  });
}

describe('doctor', () => {
  it('prints a JSON report of an adapter that computes, and exits with 0', async () => {
    const { code, stdout } = await doctor('--json', '--adapter', 'auto');
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report).toMatchObject({ usable: true, node: process.version, error: null });
    expect(report.adapter.computes).toBe(true);
    expect(report.adapter.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
    expect(['vulkan', 'metal', 'd3d12', 'webassembly']).toContain(report.adapter.backend);
  });

  it('exits with 1 and names the choice when there is no such adapter', async () => {
    const { code, stdout } = await doctor('--adapter', 'Voodoo 2');
    expect(code).toBe(1);
    expect(stdout).toMatch(/Error +ADAPTER_NOT_FOUND \(--adapter\): no adapter is called 'Voodoo 2'/);
  });

  it.runIf(strangerReadsSources)('works for a user id without a name or a home', async () => {
    const node = [process.execPath, '--import', 'tsx', 'src/cli/doctor.ts', '--json'];
    const { code, stdout, stderr } = await launch('setpriv', [...STRANGER, ...node]).ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ usable: true });
  });

  it('has help', async () => {
    const { code, stdout } = await doctor('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--json');
  });

  it('shows the adapter, the reasons and the advice to people', async () => {
    const report = await examine({ adapter: 'auto' });
    const rejected = [{ name: 'hardware', reason: 'the dog ate it' }];
    const text = format({ ...report, rejected, advice: ['sudo apt-get install luck'] });
    expect(text).toContain(report.adapter?.description);
    expect(text).toContain('Not used  hardware: the dog ate it');
    expect(text).toMatch(/Faster:\n {2}sudo apt-get install luck$/);
  });
});
