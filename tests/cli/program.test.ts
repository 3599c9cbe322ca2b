/** One command for all: which one a name opens, and what it says where there is none. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mathformer, run } from './inProcess.ts';
// Loaded before the tests, so that mutants of their tables are active in all of them.
import '../../src/cli/commands/train.ts';
import '../../src/cli/commands/evaluate.ts';
import '../../src/cli/commands/generate.ts';
import '../../src/cli/commands/export.ts';
import '../../src/cli/commands/inspect.ts';
import '../../src/cli/commands/tune.ts';
import '../../src/cli/commands/doctor.ts';
import '../../src/cli/commands/dashboard.ts';
import '../../src/cli/commands/compare.ts';
import '../../src/cli/commands/report.ts';
import '../../src/cli/commands/cluster.ts';
import '../../src/cli/commands/worker.ts';

const TINY = 'tests/fixtures/checkpoints/tiny.safetensors';
const NAMES = [
  'train',
  'pretrain',
  'grpo',
  'resume',
  'evaluate',
  'generate',
  'export',
  'inspect',
  'tune',
  'dashboard',
  'compare',
  'report',
  'cluster',
  'worker',
  'doctor',
];

describe('mathformer', () => {
  it('runs a command by its name, as its own script does', async () => {
    expect(await mathformer('inspect', TINY, '--json')).toEqual(await run('inspect', TINY, '--json'));
    for (const words of [
      ['inspect', '--nope'],
      ['inspect', 'no.pt'],
      ['generate', TINY, '-1+'],
      ['train', 'pretend'],
      ['grpo', '--group-size', '1', '--checkpoint', TINY],
    ] as const) {
      const [command, ...args] = words;
      expect(await mathformer(...words)).toEqual(await run(command, ...args));
    }
  });

  it('lists all commands, and says its version', async () => {
    for (const help of [await mathformer('--help'), await mathformer('-h')]) {
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(/^Usage: mathformer <command> \[options\]$/m);
      for (const name of NAMES) expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    }
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await mathformer('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('shows the help of a command alone', async () => {
    const { stdout } = await mathformer('inspect', '--help');
    expect(stdout).toMatch(/^Usage: mathformer inspect \[options\] <file>$/m);
    expect((await mathformer('help', 'inspect')).stdout).toBe(stdout);
    expect(await mathformer('help')).toEqual(await mathformer('--help'));
  });

  it.each([
    [[], /^error: no command is given — give one of train, pretrain, .*; see --help$/m],
    [['inspekt', 'a'], /^error: there is no command 'inspekt' — did you mean inspect\?$/m],
    [['zebra'], /^error: there is no command 'zebra' — give one of train, pretrain, /m],
    [['constructor'], /^error: there is no command 'constructor' — give one of /m],
    [['--nope'], /^error: unknown option '--nope' — /m],
    [['inspekt', '--json', '--help'], /^error: there is no command 'inspekt' — did you mean inspect\?$/m],
    [
      ['--seed', '3', 'train'],
      /^error: unknown option '--seed' before the command train — write train first$/m,
    ],
    [['help', 'inspekt'], /^error: there is no command 'inspekt' — did you mean inspect\?$/m],
  ])('refuses %j', async (argv, message) => {
    const { code, stdout, stderr } = await mathformer(...argv);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });
});

describe('the help of every command', () => {
  it.each(NAMES)('%s says what each of its flags does', async (name) => {
    const { stdout } = await mathformer(name, '--help');
    // A flag whose text is missing has its line to itself, or a default alone.
    expect(stdout).not.toMatch(/^ +--[a-z_]+(, --no_[a-z_]+)?( <[^>]+>)? *(\(default: [^)]*\))?\n(?! {10})/m);
    expect(stdout).not.toMatch(/^ +--[a-z_]+(, --no_[a-z_]+)?( <[^>]+>)?\s+\(default: /m);
    expect(stdout.split('\n\n')[1]?.trim()).toMatch(/^[A-Z].*\.$/s);
    // Operands have a text too.
    expect(stdout).not.toMatch(/^ {2}[a-z]* *$/m);
  });
});
