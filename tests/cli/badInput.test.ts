/** Typical user mistakes: one line with the fix, and no run directory. Most run in this process, which is quick. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run as runProcess, savedModels, start } from './cliProcess.ts';
import { type Ended, run } from './inProcess.ts';

const TINY = 'tests/fixtures/checkpoints/tiny.safetensors';
const FULL_DISK = './tests/cli/fullDisk.ts';
const MOE = 'tests/fixtures/checkpoints/moe_tiny.safetensors';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-bad-'));
  const bytes = readFileSync(TINY);
  writeFileSync(join(directory, 'truncated.safetensors'), bytes.subarray(0, 50_000));
  writeFileSync(join(directory, 'foreign.safetensors'), 'PK is not what it says');
  // The same length, so that the rest of the header still holds.
  const patched = bytes.toString('latin1').replace('"nhid":"128"', '"nhid":"120"');
  writeFileSync(join(directory, 'other.safetensors'), Buffer.from(patched, 'latin1'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function expectRefusal(
  { code, stderr }: Pick<Ended, 'stderr'> & { readonly code: number | null },
  expectedCode: number,
  message: RegExp,
): void {
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
  expect(errors, stderr).toHaveLength(1);
  expect(errors[0]).toMatch(/^error: .+ — .+/);
  expect(errors[0]).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr.trimEnd().endsWith(errors[0] ?? '')).toBe(true);
  expect(code).toBe(expectedCode);
}

describe('train.ts grpo', () => {
  it.each([
    ['a missing checkpoint', ['--checkpoint', 'no.pt'], 1, /no\.pt: there is no such file/],
    ['no checkpoint', [], 2, /--checkpoint is missing/],
    ['a truncated checkpoint', ['--checkpoint', '$/truncated.safetensors'], 1, /truncated\.safetensors/],
    ['a foreign checkpoint', ['--checkpoint', '$/foreign.safetensors'], 1, /neither safetensors nor/],
    ['shapes that disagree', ['--checkpoint', '$/other.safetensors'], 1, /linear1.*\[?128.*120/],
    ['group_size 1', ['--checkpoint', TINY, '--group-size', '1'], 2, /--group_size cannot be 1/],
    ['top_k above V', ['--checkpoint', TINY, '--top_k=58'], 2, /--top_k cannot be 58.*57/],
    [
      'more active experts than experts',
      ['--checkpoint', MOE, '--num_experts', '4', '--active_experts', '5'],
      2,
      /--active_experts 5 is above --num_experts 4/,
    ],
    ['experts that disagree', ['--checkpoint', TINY, '--num_experts', '4'], 2, /--num_experts is 4, but/],
    ['a size that disagrees', ['--checkpoint', TINY, '--modelsize', 'small'], 2, /give --modelsize tiny/],
    [
      'an unknown flag',
      ['--checkpoint', TINY, '--lrr', '1'],
      2,
      /unknown option '--lrr' — did you mean --lr\?/,
    ],
  ] as const)('refuses %s', async (_, args, code, message) => {
    const given = args.map((argument) => argument.replace('$', directory));
    const ended = await run('train', 'grpo', ...given, '--out', join(directory, 'never'));
    expectRefusal(ended, code, message);
    expect(ended.stdout).toBe('');
    expect(readdirSync(directory)).not.toContain('never');
  });
});

describe('train.ts', () => {
  it('refuses in a process of its own, too', async () => {
    const never = join(directory, 'never');
    const ended = await runProcess('train', 'grpo', '--checkpoint', 'no.pt', '--out', never);
    expectRefusal(ended, 1, /no\.pt: there is no such file/);
  });

  it('refuses an unknown subcommand', async () => {
    expectRefusal(await run('train', 'pretend'), 2, /no command 'pretend'/);
  });

  it('refuses an adapter that is not there', async () => {
    expectRefusal(
      await run('train', 'pretrain', '--adapter', 'Voodoo 2'),
      1,
      /no adapter is called 'Voodoo 2'/,
    );
  });

  it('refuses a directory that cannot be made, and one that is not empty', async () => {
    const args = ['pretrain', '--modelsize', 'tiny', '--eval_size', '5', '--out'];
    expectRefusal(await run('train', ...args, 'package.json/run'), 1, /package\.json.*is a file/);
    expectRefusal(await run('train', ...args, directory), 1, /not empty/);
  });

  it('says so when the disk takes no more, leaves no broken checkpoint, and goes on when it does', async () => {
    const out = join(directory, 'full');
    const args = ['--modelsize', 'tiny', '--num_examples', '8', '--batch_size', '8', '--eval_size', '2'];
    const { ended } = start('train', ['pretrain', ...args, '--steps', '1', '--out', out], FULL_DISK);
    expectRefusal(await ended, 1, /model_step1\.safetensors: the disk is full — free some space/);
    expect(savedModels(out)).toEqual(['model_update0.safetensors']);
    expect(readdirSync(out)).not.toContain('summary.json');
    expect((await runProcess('train', 'resume', out)).code).toBe(0);
    expect(savedModels(out)).toEqual(['model_step1.safetensors']);
    expect(readFileSync(join(out, 'metrics.jsonl'), 'utf8').match(/"step":1,/g)?.length).toBe(1);
  });
});

describe('generate.ts', () => {
  it('refuses what is no expression, or has no value', async () => {
    expectRefusal(await run('generate', TINY, '1+'), 2, /syntax at position 2/);
    expectRefusal(await run('generate', TINY, '1/0'), 2, /division by zero/);
  });
});

describe('train.ts resume', () => {
  it('refuses what is no run, and one that another process writes to', async () => {
    expectRefusal(await run('train', 'resume', 'no/run'), 1, /no\/run\/config\.json: there is no such file/);
    writeFileSync(join(directory, 'config.json'), '{"kind":"evaluate","options":{}}');
    expectRefusal(await run('train', 'resume', directory), 2, /is not the config of a training run/);
    const options = { modelsize: 'tiny', operators: '+', maxDigits: 1, maxDepth: 1, evalSize: 4 };
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ kind: 'pretrain', options }));
    writeFileSync(join(directory, 'lock'), `${hostname()} ${process.pid}`);
    expectRefusal(
      await runProcess('train', 'resume', directory),
      1,
      new RegExp(`process ${process.pid} on `),
    );
    const wrong = { ...options, batchSize: 0 };
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ kind: 'pretrain', options: wrong }));
    expectRefusal(await run('train', 'resume', directory), 2, /--batch_size cannot be 0/);
  });
});
