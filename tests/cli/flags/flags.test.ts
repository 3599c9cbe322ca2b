/** From a command line to checked options. */
import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { problemOf } from '../../../src/base/errors.ts';
import { BadOptionError, flagOf, integer, oneOf, path, pick, yesOrNo } from '../../../src/base/options.ts';
import {
  addFlags,
  filledOperand,
  flagsOf,
  givenFlags,
  readFlags,
  withOperandsLast,
  withUnderscores,
} from '../../../src/cli/flags/flags.ts';
import { grpoFlags, pretrainFlags } from '../../../src/cli/flags/trainingFlags.ts';
import { arithmeticTask } from '../../../src/tasks/arithmetic/task.ts';
import { operatorList } from '../../../src/tasks/expressions/operatorList.ts';
import { DEFAULT_OPERATORS, OPERATORS } from '../../../src/tasks/expressions/operators.ts';

function parsed(...argv: string[]): Record<string, unknown> {
  const schema = z.strictObject({ ...pretrainFlags.shape, ...arithmeticTask.options });
  const command = addFlags(new Command().exitOverride(), schema);
  command.parse(withUnderscores(argv), { from: 'user' });
  return readFlags(command, schema);
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

  it.each(['--max_new_tokens', '--max-new-tokens', '--max_completion_length', '--max-completion-length'])(
    'takes %s, the name of other libraries, for --max_gen_len',
    (spelt) => {
      expect(withUnderscores([spelt, '8', `${spelt}=9`])).toEqual(['--max_gen_len', '8', '--max_gen_len=9']);
      expect(withUnderscores(['--', spelt])).toEqual(['--', spelt]);
    },
  );

  it('leaves values, operands and what follows -- alone', () => {
    const argv = ['a-b', '-5-3', '--out=x-y=z-w', '--', '--a-b'];
    expect(withUnderscores(argv)).toEqual(['a-b', '-5-3', '--out=x-y=z-w', '--', '--a-b']);
    expect(withUnderscores(['--', '--a-b'])).toEqual(['--', '--a-b']);
    expect(withUnderscores(['--a-b', '--', '--a-b'])).toEqual(['--a_b', '--', '--a-b']);
    expect(withUnderscores(['x--a-b', '--5-3'])).toEqual(['x--a-b', '--5-3']);
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
    ['--lr', ' ', '--lr cannot be " "'],
    ['--steps', ' 7', null],
    ['--steps', '1.5', '--steps cannot be 1.5'],
    ['--steps', '-1', '--steps cannot be -1'],
    ['--steps', '--lr', '--steps has no value: --lr is a flag'],
    ['--out', '--quiet', '--out has no value: --quiet is a flag'],
    ['--log_csv', '--such', '--log_csv has no value: --such is a flag'],
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

describe('--help', () => {
  it('says of every flag what kind of value it takes, what it does, and its default', () => {
    const schema = z.strictObject({
      adapter: z.string().optional().describe('where'),
      task: z.string().default('sort'),
      outFile: path().optional().describe('result'),
      size: integer(1, 9).default(3).describe('how many'),
      shape: oneOf(['flat', 'round']).default('flat').describe('form'),
      operators: operatorList(OPERATORS, DEFAULT_OPERATORS).describe('which'),
      logCsv: z.string().default('').describe('log'),
      loud: yesOrNo().default(true).describe('more'),
      bare: integer(1, 9).optional(),
    });
    const { options } = addFlags(new Command(), schema);
    expect(
      options.filter(({ hidden }) => !hidden).map(({ flags, description }) => [flags, description]),
    ).toEqual([
      ['--adapter <name>', 'where'],
      ['--task <name>', '(default: "sort")'],
      ['--out_file <path>', 'result'],
      ['--size <number>', 'how many (default: 3)'],
      ['--shape <flat|round>', 'form (default: "flat")'],
      ['--operators <list>', 'which (default: +,-,*,/,min,max,next,prev,abs)'],
      ['--log_csv <path>', 'log'],
      ['--loud', 'more'],
      ['--bare <number>', ''],
    ]);
    expect(options.filter(({ hidden }) => hidden).map(({ flags }) => flags)).toEqual(['--no_loud']);
    expect(flagsOf(schema)).toEqual(options.filter(({ hidden }) => !hidden).map(({ long }) => long));
  });
});

describe('pick', () => {
  it('takes the options of a schema, with their values, and nothing of every object', () => {
    const schema = z.object({ lr: z.number(), steps: z.number() });
    expect(pick(schema, { lr: 1, steps: undefined, other: 2, toString: 3 })).toEqual({
      lr: 1,
      steps: undefined,
    });
  });
});

describe('an operand', () => {
  it('is taken as it is, unless it is empty', () => {
    expect(filledOperand('--no-flag')).toBe('--no-flag');
    expect(() => filledOperand('')).toThrow(BadOptionError);
    expect(() => filledOperand('')).toThrow(
      expect.objectContaining({ where: 'operand', fix: 'give a path that is not empty' }),
    );
  });
});

describe('a switch', () => {
  const keys = Object.keys(grpoFlags.shape);
  const switches = keys.filter(
    (key) => typeof grpoFlags.shape[key as keyof typeof grpoFlags.shape].safeParse(true).data === 'boolean',
  );

  it('is off unless given, on by its name and off by no_ and its name, however it is spelt', () => {
    expect(switches).toEqual(
      expect.arrayContaining(['curriculum', 'dynamicSampling', 'json', 'maskTruncated']),
    );
    for (const key of switches) {
      const name = flagOf(key).slice(2);
      expect(given(`--${name}`)).toEqual({ [key]: true });
      expect(given(`--no_${name}`)).toEqual({ [key]: false });
      expect(given(`--no-${name.replaceAll('_', '-')}`)).toEqual({ [key]: false });
      expect(refusal(() => given(`--${name}`, `--no_${name}`))).toMatchObject({
        message: expect.stringContaining(`--${name} and --no_${name} are both given`),
        fix: 'give one of them',
      });
    }
  });

  it('shows in --help how it is turned off, and nothing else does', () => {
    const help = addFlags(new Command(), grpoFlags).helpInformation();
    for (const key of keys) {
      const name = flagOf(key).slice(2);
      expect(help.includes(`  --${name}, --no_${name} `)).toBe(switches.includes(key));
    }
    expect(help).toMatch(/^ {2}-h, --help /m);
  });

  it.each([
    [
      '--curriculum=false',
      /^--curriculum takes no value, but is given "false"$/,
      /--no_curriculum to turn it off/,
    ],
    ['--no-curriculum=1', /^--no_curriculum takes no value, but is given "1"$/, /--curriculum to turn it on/],
  ])('takes no value: %s', (flag, message, fix) => {
    const error = refusal(() => given(flag));
    expect(problemOf(error)).toMatch(message);
    expect(error).toMatchObject({ fix: expect.stringMatching(fix) });
  });
});

describe('what a command does not take', () => {
  it.each([
    [
      ['--curriculum', 'false'],
      'nothing takes the operand "false"',
      /--curriculum \(--no_curriculum turns it off\)/,
    ],
    [['--curriculum', '--json', 'x'], 'nothing takes the operand "x"', /turns it off\), --json \(/],
    [['--lr', '--steps'], '--lr has no value: --steps is a flag', /^give a value after --lr \(a path /],
    [['--curriculums'], "unknown option '--curriculums'", /^did you mean --curriculum\?$/],
    [['--curiculum'], "unknown option '--curiculum'", /^did you mean --curriculum\?$/],
    [['false'], 'nothing takes the operand "false"', /^leave it out$/],
    [['--lr', '1', '2'], 'nothing takes the operand "2"', /^leave it out$/],
    [['--', '--lr'], 'nothing takes the operand "--lr"', /^leave it out$/],
    [['--lr', '1', '--lr', '2'], '--lr is given twice, as "1" and as "2"', /^give --lr once$/],
    [
      ['--reward', 'format', '--reward=length'],
      '--reward is given twice, as "format" and as "length"',
      /once/,
    ],
    [['--learning-rate', '1'], "unknown option '--learning_rate'", /^did you mean --lr\?$/],
    [['--learning_rate=1'], "unknown option '--learning_rate'", /^did you mean --lr\?$/],
    [['--num_generations', '8'], "unknown option '--num_generations'", /^did you mean --group_size\?$/],
    [['--bacth_size', '8'], "unknown option '--bacth_size'", /^did you mean --batch_size\?$/],
    [['--no_curiculum'], "unknown option '--no_curiculum'", /^did you mean --no_curriculum\?$/],
    [['--constructor', '1'], "unknown option '--constructor'", /^see --help$/],
    [['-x'], "unknown option '-x'", /^see --help$/],
  ])('%j', (argv, message, fix) => {
    const error = refusal(() => given(...argv));
    expect(problemOf(error)).toBe(message);
    expect(error).toMatchObject({ code: 'BAD_OPTION', fix: expect.stringMatching(fix) });
  });

  it('names the commands that a flag belongs to', () => {
    const program = new Command('train').configureOutput({ outputError: () => undefined });
    program.enablePositionalOptions();
    addFlags(program, z.strictObject({ json: z.boolean() })).action(() => {});
    addFlags(program.command('pretrain'), z.strictObject({ lr: z.number() })).action(() => {});
    addFlags(program.command('grpo'), z.strictObject({ lr: z.number(), curriculum: z.boolean() })).action(
      () => {},
    );
    const fixOf = (...argv: string[]): unknown =>
      (refusal(() => program.parse(argv, { from: 'user' })) as { fix?: unknown }).fix;
    expect(fixOf('--lr', '1')).toBe('it is a flag of pretrain and of grpo: give it behind that');
    expect(fixOf('pretrain', '--no_curriculum')).toBe('it is a flag of grpo: give it behind that');
    expect(fixOf('pretrain', '--curiculum')).toBe('see --help');
  });

  it('is no value of a flag that is given twice alike', () => {
    expect(given('--lr', '1', '--lr=1', '--json', '--json')).toEqual({ lr: 1, json: true });
  });
});

function given(...argv: string[]): Record<string, unknown> {
  const command = addFlags(new Command(), grpoFlags);
  command.configureOutput({ outputError: () => undefined }).parse(withUnderscores(argv), { from: 'user' });
  return givenFlags(command, grpoFlags);
}

function refusal(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

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
