/** `report`: the file that it writes, and what it refuses. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunDirectories } from '../../dashboard/runDirectories.ts';
import { run } from '../inProcess.ts';
import '../../../src/cli/commands/report.ts';

let runs: RunDirectories;
let out: string;
beforeEach(() => {
  runs = new RunDirectories();
  out = join(runs.root, 'report.html');
});
afterEach(() => runs[Symbol.dispose]());

describe('report', () => {
  it('writes one page that loads nothing, and replaces the one of that name', async () => {
    const first = runs.run('x/a', { rows: 3 });
    runs.run('x/b');
    writeFileSync(out, 'before');
    const { code, stdout } = await run('report', join(runs.root, 'x'), first, '--out', out, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      out,
      bytes: statSync(out).size,
      runs: [first, join(runs.root, 'x/b')],
    });
    const page = readFileSync(out, 'utf8');
    expect(page).toMatch(
      /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'wasm-unsafe-eval' 'sha256-/,
    );
    // No script, style or picture of another file: all that a tag names is inside.
    expect(page.match(/<(script|link|img)\b[^>]*\b(src|href)="(?!data:)[^"]*"/g)).toBeNull();
    expect(page).not.toMatch(/new Worker\(\s*new URL/);
  });

  it.each([
    [[], /missing required argument 'runs'/],
    [['no/such/run'], /no\/such\/run: there is no such directory — give the directory of a run/],
    [['docs'], /docs: there is no run — /],
    [['docs', '--out', ''], /--out cannot be "" — give a path that is not empty/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await run('report', ...args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  it('says where it cannot write', async () => {
    const { code, stderr } = await run(
      'report',
      runs.run('a'),
      '--out',
      join(runs.root, 'no/such/report.html'),
    );
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/report\.html: there is no such file or directory — check the path/),
    ]);
  });
});
