/** Standard error without unwanted lines, for every kind of file and every writer. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { libc } from '../../../src/gpu/adapters/libc.ts';

const module = pathToFileURL(join(process.cwd(), 'src/gpu/adapters/libc.ts')).href;

/** Write to the descriptor as C does, before, between and after unwanted lines. */
const SCRIPT = `import { writeSync } from 'node:fs';
  import { withoutLines } from ${JSON.stringify(module)};
  writeSync(2, 'Warning: before\\n');
  const result = withoutLines(/^Warning/, () => {
    writeSync(2, 'Warning: within\\nError: one\\nWarning: again\\nError: two');
    return 'result';
  });
  writeSync(2, '\\n' + result + '\\n');
  try { withoutLines(/^Warning/, () => { writeSync(2, 'Warning\\nError: last\\n'); throw new Error('thrown'); }); }
  catch (error) { process.stderr.write(error.message + '\\n'); }`;

const EXPECTED = 'Warning: before\nError: one\nError: two\nresult\nError: last\nthrown\n';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-libc-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Four threads that filter at the same time. */
const THREADS = `import { writeSync } from 'node:fs';
  import { Worker } from 'node:worker_threads';
  const code = \`import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(async ({ tsImport }) => {
    const { writeSync } = await import('node:fs');
    const { withoutLines } = await tsImport(${JSON.stringify(module)}, ${JSON.stringify(module)});
    for (let i = 0; i < 200; i++) withoutLines(/^Warning/, () => writeSync(2, 'Warning\\\\nError\\\\n'));
  })\`;
  let left = 4;
  for (let i = 0; i < 4; i++)
    new Worker(code, { eval: true }).on('exit', () => --left === 0 && writeSync(2, 'end'));`;

function run(stderr: 'pipe' | number, script = SCRIPT): string {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  return spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', stderr], encoding: 'utf8' }).stderr;
}

describe.runIf(process.platform === 'linux')('withoutLines', () => {
  it('filters a pipe', () => {
    expect(libc()).toBeDefined();
    expect(run('pipe')).toBe(EXPECTED);
  });

  it('lets threads take turns', () => {
    expect(run('pipe', THREADS)).toBe(`${'Error\n'.repeat(800)}end`);
  });

  it.each(['w', 'a'])('filters a file that is open for "%s", and writes on where it stood', (flags) => {
    const path = join(directory, flags);
    const file = openSync(path, flags);
    run(file);
    closeSync(file);
    expect(readFileSync(path, 'utf8')).toBe(EXPECTED);
  });
});
