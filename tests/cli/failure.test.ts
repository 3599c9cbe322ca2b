/** The end of a command: its exit code, and one line with the fix. */
import { Command, CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MathformerError } from '../../src/base/errors.ts';
import { BadOptionError } from '../../src/base/options.ts';
import { failureText, runCommand, throwing } from '../../src/cli/failure.ts';
import { ExpressionError } from '../../src/tasks/expressions/expression.ts';
import { evaluateText } from '../../src/tasks/expressions/parser.ts';

class Exit extends Error {}

let said: { stdout: string; stderr: string };
/** The events that the command listens to until its process ends. */
let listeners: Map<string | symbol, (error: unknown) => void>;
/** Called when stdout is written to: an error of the stream, if there is one. */
let stdoutFails: () => Error | undefined;

beforeEach(() => {
  said = { stdout: '', stderr: '' };
  listeners = new Map();
  stdoutFails = () => undefined;
  for (const name of ['stdout', 'stderr'] as const) {
    const failing = new Map<string | symbol, (error: unknown) => void>();
    const emitter: NodeJS.EventEmitter = process[name];
    vi.spyOn(emitter, 'on').mockImplementation((event, listener) => {
      failing.set(event, listener);
      return emitter;
    });
    vi.spyOn(process[name], 'write').mockImplementation(((text: string, written?: () => void) => {
      said[name] += text;
      written?.();
      const error = stdoutFails();
      // As streams do: after the write has called back.
      if (error) queueMicrotask(() => failing.get('error')?.(error));
      return true;
    }) as typeof process.stdout.write);
  }
  vi.spyOn(process, 'on').mockImplementation((event, listener) => {
    listeners.set(event, listener);
    return process;
  });
  vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Exit();
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

/** Runs a command that does this. */
async function ended(work: () => void, ...argv: string[]) {
  said = { stdout: '', stderr: '' };
  const program = throwing(new Command('test')).option('--lr <rate>', 'a rate');
  program.command('sub').option('--top_k <k>', 'a number').action(work);
  program.action(work);
  await expect(runCommand(program, argv)).rejects.toThrow(Exit);
  return { code: process.exitCode, ...said };
}

const failing = (error: unknown) => () => {
  throw error;
};

describe('the exit code', () => {
  it('is none after work that is done, and after --help', async () => {
    expect(await ended(() => undefined)).toEqual({ code: undefined, stdout: '', stderr: '' });
    const help = await ended(() => undefined, '--help');
    expect([help.code, help.stderr]).toEqual([undefined, '']);
    expect(help.stdout).toMatch(/^Usage: test /);
  });

  it('is what the work said', async () => {
    const work = () => {
      process.exitCode = 130;
    };
    expect((await ended(work)).code).toBe(130);
  });

  it.each([
    ['a command line that cannot work', new BadOptionError('--lr', 'no', 'yes'), 2],
    ['a failure', new MathformerError('no', { code: 'X', where: 'x', fix: 'yes' }), 1],
    ['a fault', new TypeError('no'), 1],
    ['what is no error', 'no', 1],
  ])('after %s', async (_, error, code) => {
    expect(await ended(failing(error))).toMatchObject({
      code,
      stdout: '',
      stderr: expect.stringMatching(/^error: .+ — .+\n$|^error: no\n$/),
    });
  });

  it('is 2 for what commander refuses, with its hint', async () => {
    expect(await ended(() => undefined, '--lrr')).toMatchObject({
      ...{ code: 2, stdout: '', stderr: "error: unknown option '--lrr' — did you mean --lr?\n" },
    });
    expect((await ended(() => undefined, '--lr')).stderr).toBe(
      "error: option '--lr <rate>' argument missing — see --help\n",
    );
  });
});

function syntaxError(): unknown {
  try {
    return evaluateText('1+');
  } catch (error) {
    return error;
  }
}

describe('an error that nobody awaits', () => {
  it('ends the process in one line', async () => {
    await ended(() => undefined);
    const hear = listeners.get('uncaughtException');
    expect(() => hear?.(new Error('too late'))).toThrow(Exit);
    expect([process.exitCode, said.stderr]).toEqual([1, expect.stringMatching(/^error: too late — .*\n$/)]);
  });
});

describe('stdout that takes no more', () => {
  const fault = (code: string) =>
    Object.assign(new Error(`${code}: write`), { code, errno: -28, syscall: 'write' });

  it('is told at the end, and is a failure', async () => {
    stdoutFails = () => fault('ENOSPC');
    const { code, stderr } = await ended(() => void process.stdout.write('x'));
    expect(code).toBe(1);
    expect(stderr).toBe(
      'error: stdout: the disk is full, so not all was printed — print to another place; what lies in files is complete\n',
    );
  });

  it.each(['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])(
    'as its reader left (%s) is none',
    async (code) => {
      stdoutFails = () => fault(code);
      expect(await ended(() => void process.stdout.write('x'))).toMatchObject({
        code: undefined,
        stderr: '',
      });
    },
  );

  it('is told of the first fault', async () => {
    const codes = ['EPIPE', 'ENOSPC', 'EFBIG'];
    stdoutFails = () => fault(codes.shift() ?? 'EPIPE');
    const work = () => ['a', 'b', 'c'].forEach((text) => void process.stdout.write(text));
    expect((await ended(work)).stderr).toContain('the disk is full');
  });
});

describe('failureText', () => {
  it('advises by the flags of the command that failed', async () => {
    const error = new MathformerError('no', { code: 'X', where: 'x', fix: 'lower --lr or --top_k' });
    expect(failureText(error)).toBe('error: no — lower --lr or --top_k');
    const inSub = await ended(failing(error), 'sub');
    expect(inSub.stderr).toMatch(/ — lower --lr or --top_k \(--lr: of \S+ \S+ \S+ grpo\)\n$/);
    expect((await ended(failing(error))).stderr).toMatch(/ — lower --lr or --top_k \(--top_k: of /);
  });

  it('says in words what the operating system refused', () => {
    const error = Object.assign(new Error('ENOENT'), {
      code: 'ENOENT',
      errno: -2,
      syscall: 'open',
      path: 'a.pt',
    });
    expect(failureText(error)).toBe('error: a.pt: there is no such file or directory — check the path');
  });

  it('needs no fix for an expression but to correct it', () => {
    expect(syntaxError()).toBeInstanceOf(ExpressionError);
    expect(failureText(syntaxError())).toMatch(/^error: .*position 2.* — correct the expression$/s);
  });

  it('is one line, of whatever was thrown', () => {
    expect(failureText('a\n b')).toBe('error: a b');
    expect(failureText(undefined)).toBe('error: undefined');
    expect(failureText(new CommanderError(1, 'x', 'error: a\n(Did you mean one of b, c?)'))).toBe(
      'error: a — did you mean one of b, c?',
    );
    expect(failureText(new RangeError(''))).toMatch(/^error: RangeError — /);
    expect(failureText(new Error(' a \r\n\r\n b '))).toMatch(/^error: a b — this was not foreseen/);
    expect(failureText(Object.assign(new Error('a'), { fix: 5 }))).toMatch(
      /^error: a — this was not foreseen/,
    );
  });

  it('shows the stack of a fault on demand only', () => {
    const error = new TypeError('no');
    vi.stubEnv('MATHFORMER_DEBUG', '0');
    expect(failureText(error)).not.toContain('failure.test');
    vi.stubEnv('MATHFORMER_DEBUG', '1');
    expect(failureText(error)).toMatch(/^error: no\nTypeError: no\n\s+at .*failure\.test/);
    const foreseen = new MathformerError('no', { code: 'X', where: 'x', fix: 'yes' });
    expect(failureText(foreseen)).toBe('error: no — yes');
  });
});
