/**
 * Stopping a training that was started with npm, npx or tsx, which handle signals too. The reward computes longer than any
 * of them waits.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { launch, type Started, savedModels } from './cliProcess.ts';

/** Milliseconds of one reward. A step has two completions. */
const BUSY_MS = 600;

const WRAPPERS = {
  tsx: ['node_modules/.bin/tsx', 'src/cli/train.ts'],
  'npx tsx': ['npx', 'tsx', 'src/cli/train.ts'],
  'npm start': ['npm', 'start', '--'],
} as const satisfies Record<string, readonly string[]>;

const PATIENCE = { timeout: 20_000, interval: 50 };

type Wrapper = keyof typeof WRAPPERS;

let directory: string;
let reward: string;
let endless: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-wrappers-'));
  reward = join(directory, 'busy.mjs');
  const wait = `for (const end = Date.now() + ${BUSY_MS}; Date.now() < end; );`;
  writeFileSync(reward, `export default () => { ${wait} return 1; };`);
  endless = join(directory, 'endless.mjs');
  writeFileSync(endless, 'let calls = 0; export default () => { while (++calls > 2); return 1; };');
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Started trainings, which must be ended: after a failed test they would train for ever. */
const running: Started[] = [];
afterEach(() => {
  for (const { child } of running.splice(0)) {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  }
});

function commandOf(wrapper: Wrapper, out: string, rewardModule = reward): string[] {
  const task = ['--operators', '+,-', '--max_digits', '1', '--max_depth', '1', '--eval_size', '2'];
  const sizes = ['--batch_size', '1', '--group_size', '2', '--max_gen_len', '4', '--save_interval', '0'];
  const run = ['--steps', '100000', '--eval_interval', '0', '--reward', rewardModule, '--out', out];
  const checkpoint = ['--checkpoint', 'tests/fixtures/checkpoints/tiny_easy.pt'];
  return [...WRAPPERS[wrapper], 'grpo', ...checkpoint, ...task, ...sizes, ...run];
}

interface Training extends Started {
  readonly out: string;
}

/** Start a training, and wait until its second step has begun. */
async function training(name: string, [command = '', ...args]: string[], input = false): Promise<Training> {
  const out = join(directory, name);
  const started = launch(command, args, { detached: true, input });
  running.push(started);
  await vi.waitFor(() => expect(stepsOf(out)).toBeGreaterThan(0), PATIENCE);
  return { ...started, out };
}

/** Count the steps in the log of a run. */
function stepsOf(out: string): number {
  return readFileSync(join(out, 'metrics.jsonl'), 'utf8').match(/\n/g)?.length ?? 0;
}

function begin(name: string, wrapper: Wrapper): Promise<Training> {
  return training(name, commandOf(wrapper, join(directory, name)));
}

/** Expect every logged step to be in the last checkpoint. */
function expectSaved(out: string): void {
  expect(savedModels(out)).toEqual([`rl_model_step${stepsOf(out)}.safetensors`]);
  expect(existsSync(join(out, 'lock'))).toBe(false);
}

function pidOf({ child: { pid } }: Training): number {
  if (pid === undefined) throw new Error('there is no process');
  return pid;
}

describe.skipIf(process.platform === 'win32')('a training under a wrapper', { timeout: 90_000 }, () => {
  it.each([
    ['tsx', 'SIGINT', 130],
    // npm ends as its script did: by the signal.
    ['npx tsx', 'SIGTERM', null],
  ] as const)('%s finishes the step and saves at %s', async (wrapper, signal, code) => {
    const run = await begin(signal, wrapper);
    // As a terminal does: to every process of the group.
    process.kill(-pidOf(run), signal);
    const ended = await run.ended;
    expect(ended.code).toBe(code);
    expect(ended.stdout).toContain('Stopping after this step');
    expectSaved(run.out);
  });

  it('npm start leaves no training behind when it is told to end, nor when tsx is killed', async () => {
    const runs = await Promise.all([begin('orphan', 'npm start'), begin('killed', 'tsx')]);
    const [npm, tsx] = runs;
    npm.child.kill('SIGTERM');
    tsx.child.kill('SIGKILL');
    for (const { out } of runs) {
      await vi.waitFor(() => expectSaved(out), PATIENCE);
    }
  });

  it('saves when the terminal is closed, though SIGHUP comes twice', async () => {
    const run = await begin('hangup', 'tsx');
    // tsx itself dies of it; the training stops all the same.
    process.kill(-pidOf(run), 'SIGHUP');
    process.kill(-pidOf(run), 'SIGHUP');
    await vi.waitFor(() => expectSaved(run.out), PATIENCE);
    expect(JSON.parse(readFileSync(join(run.out, 'summary.json'), 'utf8')).interrupted).toBe(true);
  });

  it('quits at once the second time, whatever it is busy with', async () => {
    const command = commandOf('tsx', join(directory, 'twice'), endless);
    const run = await training('twice', command);
    run.child.kill('SIGINT');
    await setTimeout(500);
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
  });

  it.runIf(existsSync('/usr/bin/script'))('hears Ctrl-C of a terminal once', async () => {
    const out = join(directory, 'terminal');
    const command = commandOf('npm start', out).join(' ');
    const run = await training('terminal', ['script', '-qefc', command, '/dev/null'], true);
    run.child.stdin?.write('\u0003');
    expect((await run.ended).code).toBe(130);
    expectSaved(out);
  });
});
