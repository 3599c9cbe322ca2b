/** `mathformer dashboard`, and the dashboard beside a training. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasScreen } from '../../src/cli/openBrowser.ts';
import { RunDirectories } from '../dashboard/runDirectories.ts';
import { launch, type Started, start } from './cliProcess.ts';
import { mathformer } from './inProcess.ts';

let runs: RunDirectories;
const started: Started[] = [];
beforeEach(() => {
  runs = new RunDirectories();
});
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  runs[Symbol.dispose]();
});

/** Start a command, and return the address of the dashboard that it prints. */
async function begin(
  script: string,
  ...args: string[]
): Promise<{ readonly process: Started; readonly address: string }> {
  const process = start(script, args);
  started.push(process);
  const spoken: string[] = [];
  for (const stream of [process.child.stdout, process.child.stderr]) {
    stream?.on('data', (text: string) => spoken.push(text));
  }
  await process.said(/http:\/\/127\.0\.0\.1:\d+\//);
  const [address = ''] = /http:\/\/127\.0\.0\.1:\d+\//.exec(spoken.join('')) ?? [];
  return { process, address };
}

const MAIN = 'src/cli/main.ts';
const isAnswering = async (address: string): Promise<boolean> => {
  try {
    return (await fetch(`${address}api/runs`)).ok;
  } catch {
    return false;
  }
};

describe('mathformer dashboard', () => {
  it('prints its address, serves the runs, and ends with a signal', async () => {
    runs.run('a');
    const { process, address } = await begin(MAIN, 'dashboard', runs.root, '--port', '0', '--no-open');
    const listed: unknown = await (await fetch(`${address}api/runs`)).json();
    expect(listed).toMatchObject({ runs: [{ id: 'a', state: 'stopped' }] });
    // A page that listens does not keep it.
    const events = await fetch(`${address}api/events?run=a`);
    expect(events.headers.get('content-type')).toBe('text/event-stream');
    process.child.kill('SIGINT');
    expect(await process.ended).toMatchObject({ code: 130, stderr: expect.not.stringContaining('error') });
    await events.body?.cancel().catch(() => {});
    expect(await isAnswering(address)).toBe(false);
  });

  it('prints one document with --json', async () => {
    runs.run('a');
    const { process, address } = await begin(
      MAIN,
      'dashboard',
      runs.root,
      '--port',
      '0',
      '--no-open',
      '--json',
    );
    process.child.kill('SIGTERM');
    const { code, stdout } = await process.ended;
    expect(code).toBe(143);
    expect(JSON.parse(stdout)).toEqual({ address, directory: runs.root, runs: ['a'] });
  });

  it.each([
    [
      ['no/such/directory'],
      2,
      /no\/such\/directory: there is no such directory — give a directory with runs/,
    ],
    [['package.json'], 2, /package\.json: it is no directory — give a directory with runs/],
    [['src', '--port', '65536'], 2, /--port cannot be 65536 — give an integer from 0 to 65535/],
    [['src', 'tests'], 2, /nothing takes the operand "?tests/],
    [['src', '--prt', '1'], 2, /unknown option '--prt' — did you mean --port\?/],
  ])('refuses %j', async (args, code, message) => {
    const ended = await mathformer('dashboard', ...args);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(message);
  });

  it('refuses a port that is in use', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve(portOf(server)));
    });
    try {
      const ended = await mathformer('dashboard', runs.root, '--port', String(port), '--no-open');
      expect(ended.code).toBe(1);
      expect(ended.stderr).toBe(
        `error: port ${port} is in use by another program — give another --port, or leave it out to take a free one\n`,
      );
    } finally {
      server.close();
    }
  });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a browser', () => {
  it.each([
    [{ DISPLAY: ':0' }, 'linux', true],
    [{ WAYLAND_DISPLAY: 'wayland-0' }, 'linux', true],
    [{}, 'linux', false],
    [{ DISPLAY: ':0', CI: '1' }, 'linux', false],
    [{ DISPLAY: ':0', SSH_CONNECTION: '1 2 3 4' }, 'linux', false],
    [{}, 'darwin', true],
    [{}, 'win32', true],
    [{ CI: 'true' }, 'darwin', false],
  ] as const)('with %j on %s is opened: %s', (env, platform, isOpened) => {
    expect(hasScreen(env, platform)).toBe(isOpened);
  });
});

describe('a training with --dashboard', () => {
  let out: string;
  beforeEach(() => {
    out = mkdtempSync(join(tmpdir(), 'mathformer-beside-'));
  });
  afterEach(() => rmSync(out, { recursive: true }));

  const training = (name: string, ...more: string[]): string[] => {
    const small = [
      '--modelsize',
      'tiny',
      '--num_examples',
      '64',
      '--batch_size',
      '8',
      '--eval_size',
      '4',
      '--quiet',
      '--adapter',
      'wasm',
    ];
    return ['pretrain', ...small, '--out', join(out, name), ...more];
  };

  it('is watched live, and the dashboard ends with it, even if it is killed', async () => {
    const { process, address } = await begin('train', ...training('a', '--steps', '100000', '--dashboard'));
    expect(await (await fetch(`${address}api/runs`)).json()).toMatchObject({
      runs: [{ id: 'a', state: 'training' }],
    });
    process.child.kill('SIGKILL');
    await process.ended;
    while (await isAnswering(address)) await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('has the bits and the config of one without', async () => {
    const ends = await Promise.all(
      [training('with', '--steps', '2', '--dashboard'), training('without', '--steps', '2')].map(
        (args) => launch(process.execPath, ['--import', 'tsx', 'src/cli/train.ts', ...args]).ended,
      ),
    );
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    const [beside, alone] = ['with', 'without'].map((name) => {
      const { options } = JSON.parse(readFileSync(join(out, name, 'config.json'), 'utf8'));
      const weights = readFileSync(join(out, name, 'checkpoints/model_step2.safetensors'));
      return { options: { ...options, out: '' }, weights: weights.toString('base64') };
    });
    expect(beside).toEqual(alone);
  });

  it('goes on if the dashboard fails', async () => {
    const fails = join(out, 'fails.mjs');
    writeFileSync(fails, `if (process.argv.includes('dashboard')) throw new Error('on purpose');`);
    const process = start('train', training('a', '--steps', '20', '--dashboard'), fails);
    const { code, stdout, stderr } = await process.ended;
    expect(code).toBe(0);
    expect(stdout + stderr).toMatch(
      /warning: the dashboard does not work: .*; the training goes on without it/,
    );
  });
});
