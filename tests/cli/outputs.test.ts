/** Closed outputs, and open handles of a user's module: the command still ends correctly. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, launch, run, savedModels } from './cliProcess.ts';

const FILE = 'tests/fixtures/checkpoints/tiny.safetensors';
const NOT_ALL = /^error: stdout: the disk is full, so not all was printed — .+\n$/;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-outputs-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Run a command in a shell, followed by `behind`. The command's exit code goes to stderr, also in a pipeline. */
function inShell(command: string, behind: string): Promise<Ended> {
  const node = `"${process.execPath}" --import tsx src/cli/${command}`;
  return launch('sh', ['-c', `{ ${node}; echo "code $?" >&3; } 3>&2 ${behind}`]).ended;
}

function trainingOf(out: string): string {
  const sizes = '--modelsize tiny --num_examples 8 --batch_size 8 --steps 1 --eval_size 2';
  return `train.ts pretrain ${sizes} --max_digits 1 --max_depth 1 --out ${out}`;
}

function expectComplete(out: string): void {
  expect(readdirSync(out)).toContain('summary.json');
  expect(existsSync(join(out, 'lock'))).toBe(false);
  expect(savedModels(out)).toEqual(['model_step1.safetensors']);
}

describe.runIf(existsSync('/dev/full'))('a full disk', () => {
  it('behind stdout is told at the end, with exit code 1', async () => {
    const { stderr } = await inShell(`inspect.ts ${FILE}`, '>/dev/full');
    const [error, code] = stderr.split(/(?<=\n)/);
    expect(error).toMatch(NOT_ALL);
    expect(code).toBe('code 1\n');
  });

  it('behind both outputs of a training ends nothing: the run is complete', async () => {
    const out = join(directory, 'full');
    const { stderr } = await inShell(trainingOf(out), '>/dev/full 2>/dev/full');
    expect(stderr).toBe('code 1\n');
    expectComplete(out);
  });
});

describe('a reader that leaves', () => {
  it.each([
    ['of a short output', `inspect.ts ${FILE}`],
    ['of the help', 'train.ts grpo --help'],
  ])('%s is no failure', async (_, command) => {
    expect((await inShell(command, '| true')).stderr).toBe('code 0\n');
  });

  it('before the training begins, or a stderr that is closed, ends no training', async () => {
    const out = join(directory, 'pipe');
    const { stderr } = await inShell(trainingOf(out), '2>&- | true');
    expect(stderr).toBe('code 0\n');
    expectComplete(out);
  });
});

describe('a reward that leaves something open', () => {
  const args = [
    '--checkpoint',
    'tests/fixtures/checkpoints/tiny_easy.pt',
    '--steps',
    '1',
    '--eval_size',
    '2',
  ];
  const sizes = ['--batch_size', '1', '--group_size', '2', '--max_gen_len', '4', '--json'];
  const train = (body: string, name: string): Promise<Ended> => {
    const reward = join(directory, `${name}.mjs`);
    writeFileSync(reward, `${body}; export default () => 1;`);
    return run('train', 'grpo', ...args, ...sizes, '--reward', reward, '--out', join(directory, name));
  };

  it('does not keep the process, and all is printed', async () => {
    const worker = "new Worker('setInterval(() => 0, 1000)', { eval: true })";
    const open = `import { Worker } from 'node:worker_threads'; import { createServer } from 'node:net';
      setInterval(() => 0, 1000); createServer().listen(0); ${worker}`;
    const { code, stdout, stderr } = await train(open, 'open');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'grpo', interrupted: false });
  });

  it('that throws later ends the command in one line', async () => {
    const { code, stderr } = await train("setTimeout(() => { throw new Error('too late') }, 1)", 'late');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: too late — .+\n$/m);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
