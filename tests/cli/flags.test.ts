/** From a command line to checked options. */
import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addFlags, readFlags, withOperandsLast, withUnderscores } from '../../src/cli/flags.ts';
import { grpoFlags, pretrainFlags } from '../../src/cli/trainingFlags.ts';
import { flagOf } from '../../src/options.ts';

function parsed(...argv: string[]): Record<string, unknown> {
  const command = addFlags(new Command().exitOverride(), pretrainFlags);
  command.parse(withUnderscores(argv), { from: 'user' });
  return readFlags(command, pretrainFlags);
}

describe('withUnderscores', () => {
  it('takes hyphens and underscores for the same in every flag', () => {
    const keys = [...Object.keys(grpoFlags.shape), ...Object.keys(pretrainFlags.shape)];
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.array(fc.boolean()), fc.string(), (key, hyphens, value) => {
        let i = 0;
        const spelt = flagOf(key).replaceAll('_', () => (hyphens[i++] ? '-' : '_'));
        expect(withUnderscores([spelt])).toEqual([flagOf(key)]);
        expect(withUnderscores([`${spelt}=${value}`])).toEqual([`${flagOf(key)}=${value}`]);
      }),
    );
  });

  it('leaves values, operands and what follows -- alone', () => {
    const argv = ['a-b', '-5-3', '--out=x-y=z-w', '--', '--a-b'];
    expect(withUnderscores(argv)).toEqual(['a-b', '-5-3', '--out=x-y=z-w', '--', '--a-b']);
  });
});

describe('readFlags', () => {
  it('reads numbers, lists, names and switches', () => {
    expect(
      parsed('--batch-size', '7', '--lr=1e-4', '--operators', '-,+', '--step-eval', '--scheduler', 'none'),
    ).toMatchObject({
      batchSize: 7,
      lr: 1e-4,
      operators: ['-', '+'],
      stepEval: true,
      practice: false,
      scheduler: 'none',
    });
  });

  it('tells a model flag that was not given from one that was', () => {
    expect(parsed()).not.toHaveProperty('numExperts');
    expect(parsed('--num_experts', '0')).toHaveProperty('numExperts', 0);
  });

  it.each([
    ['--lr', 'abc', '--lr cannot be "abc"'],
    ['--lr', '', '--lr cannot be ""'],
    ['--steps', '1.5', '--steps cannot be 1.5'],
    ['--steps', '-1', '--steps cannot be -1'],
    ['--steps', '--lr', '--steps cannot be "--lr"'],
    ['--modelsize', 'huge', '--modelsize cannot be "huge"'],
    ['--log_csv', '', null],
  ])('%s %j: %s', (flag, value, message) => {
    if (message === null) expect(() => parsed(flag, value)).not.toThrow();
    else expect(() => parsed(flag, value)).toThrow(message);
  });

  it('shows every flag of the schema in --help, with its default', () => {
    const help = addFlags(new Command(), grpoFlags).helpInformation();
    for (const key of Object.keys(grpoFlags.shape)) expect(help).toContain(flagOf(key));
    expect(help).toMatch(/--group_size <number> .*\(default: 4\)/);
  });
});

describe('withOperandsLast', () => {
  const command = new Command().option('--lr <number>').option('--json');

  it.each([
    [
      ['model', '-5+3', '--json', '-abs(2)'],
      ['--json', '--', 'model', '-5+3', '-abs(2)'],
    ],
    [
      ['model', '--lr', '-1', '1+1'],
      ['--lr', '-1', '--', 'model', '1+1'],
    ],
    [
      ['--lr=2', 'model'],
      ['--lr=2', '--', 'model'],
    ],
    [['-h'], ['-h']],
    [
      ['model', '--', '--json'],
      ['--', 'model', '--json'],
    ],
  ])('%j', (argv, expected) => {
    expect(withOperandsLast(argv, command)).toEqual(expected);
  });
});
