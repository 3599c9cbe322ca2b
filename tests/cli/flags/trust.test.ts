/** Code that a file names runs only with the user's consent. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BadOptionError } from '../../../src/base/options.ts';
import { checkTrust } from '../../../src/cli/flags/trust.ts';
import { mathformer, run } from '../inProcess.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-trust-'));
afterAll(() => rmSync(directory, { recursive: true }));

const marker = join(directory, 'ran');
let modules = 0;
/** Write a module that leaves a mark when it runs. Each call writes a new one, as a process runs a module only once. */
function evilModule(): string {
  const path = join(directory, `evil-${modules++}.mjs`);
  const mark = `writeFileSync(${JSON.stringify(marker)}, '')`;
  writeFileSync(path, `import { writeFileSync } from 'node:fs'; ${mark}; export default 5;`);
  return path;
}

describe('checkTrust', () => {
  it.each([
    [{}],
    [{ task: 'arithmetic', reward: 'correctness' }],
    [{ task: 'sort', reward: 'correctness,length:0.2, format:1e-3' }],
    [{ reward: ['partial', 'format:-1'] }],
    // What is no name is refused elsewhere, and imported nowhere.
    [{ task: 5, reward: { path: './a.mjs' } }],
  ])('lets %j pass', (options) => {
    expect(() => checkTrust(options, 'a.json', false)).not.toThrow();
  });

  it.each([
    [{ task: './a.mjs' }, './a.mjs'],
    [{ task: 'constructor' }, 'constructor'],
    [{ reward: 'correctness,./b.mjs:0.5' }, './b.mjs'],
    [{ reward: ['format', './c.mjs:2'] }, './c.mjs'],
    [{ task: './a.mjs', reward: './b.mjs,./c.mjs' }, './a.mjs, ./b.mjs, ./c.mjs'],
    [{ reward: ['./a\u001b[2J.mjs'] }, String.raw`./a\u001b[2J.mjs`],
  ])('refuses %j', (options, names) => {
    const check = (trust: boolean) => () => checkTrust(options, 'a.json', trust);
    expect(check(false)).toThrow(BadOptionError);
    expect(check(false)).toThrow(expect.objectContaining({ where: '--trust' }));
    expect(check(false)).toThrow(`a.json names ${names}: code, which would run with all your rights`);
    expect(check(true)).not.toThrow();
  });
});

/** Return a config with everything that could make it run code without consent. */
function config(kind: 'grpo' | 'pretrain', modules: object): object {
  const options = { modelsize: 'tiny', checkpoint: 'tests/fixtures/checkpoints/tiny_easy.pt', evalSize: 4 };
  const { checkpoint, modelsize, evalSize } = options;
  const own = kind === 'grpo' ? { checkpoint } : { modelsize };
  return { kind, options: { ...own, evalSize, ...modules, trust: true } };
}

describe('a run of somebody else', () => {
  it.each([
    ['grpo', (evil: string) => ({ reward: [evil] })],
    ['pretrain', (evil: string) => ({ task: evil })],
  ] as const)('with a module of %s: it runs with --trust alone', async (kind, naming) => {
    const stranger = join(directory, kind);
    mkdirSync(stranger);
    const path = join(stranger, 'config.json');
    for (const args of [
      ['resume', stranger],
      [kind, '--config', path, '--out', join(directory, 'never')],
    ]) {
      const evil = evilModule();
      writeFileSync(path, JSON.stringify(config(kind, naming(evil))));
      const refused = await run('train', ...args);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(`error: ${path} names ${evil}: code, which would run with all your`);
      expect(refused.stderr).toMatch(/train\.ts (resume|grpo|pretrain) \S.* --trust$/m);
      expect(existsSync(marker)).toBe(false);
      const trusted = await run('train', ...args, '--trust');
      expect(trusted.code).toBe(2);
      expect(trusted.stderr).not.toContain('--trust');
      expect(existsSync(marker)).toBe(true);
      rmSync(marker);
    }
  });

  it('is told how to trust it by a line that runs, whichever way the command was called', async () => {
    const path = join(directory, 'named.json');
    writeFileSync(path, JSON.stringify({ checkpoint: 'no.pt', reward: evilModule() }));
    const line = (name: string) =>
      new RegExp(`: npx tsx src/cli/${name}\\.ts grpo --config ${path} --trust\n$`);
    expect((await run('train', 'grpo', '--config', path)).stderr).toMatch(line('train'));
    expect((await mathformer('train', 'grpo', '--config', path)).stderr).toMatch(line('main'));
    expect((await mathformer('grpo', '--config', path)).stderr).toMatch(line('main'));
  });

  it('cannot say in a file that it is trusted', async () => {
    const path = join(directory, 'options.json');
    writeFileSync(path, JSON.stringify({ modelsize: 'tiny', trust: true }));
    const { code, stderr } = await run('train', 'pretrain', '--config', path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/options\.json: no file can say that it is trusted — remove it/);
  });

  it('is not imported where the command line names another one', async () => {
    const path = join(directory, 'mine.json');
    writeFileSync(path, JSON.stringify({ checkpoint: 'no.pt', reward: evilModule() }));
    const { stderr } = await run('train', 'grpo', '--config', path, '--reward', 'correctness');
    expect(stderr).toMatch(/no\.pt: there is no such file/);
    expect(existsSync(marker)).toBe(false);
  });
});
