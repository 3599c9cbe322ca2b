/** The trainers' options: defaults, ranges, and errors that name flag, value and range. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MathformerError } from '../../src/base/errors.ts';
import {
  BadOptionError,
  checkSeed,
  flagOf,
  integer,
  isSeed,
  oneOf,
  parseOptions,
  path,
  real,
  withPresentNames,
  yesOrNo,
} from '../../src/base/options.ts';
import { grpoOptions, grpoSchema } from '../../src/grpo/options.ts';
import { pretrainOptions, pretrainSchema } from '../../src/pretrain/options.ts';
import { operatorList } from '../../src/tasks/expressions/operatorList.ts';
import { DEFAULT_OPERATORS, OPERATORS } from '../../src/tasks/expressions/operators.ts';

function refusal(work: () => unknown): BadOptionError {
  try {
    work();
  } catch (error) {
    if (error instanceof BadOptionError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** The documented bounds of options, repeated here independently. */
const GRPO_NUMBERS = {
  steps: { low: 1, high: 1e9, integer: true },
  batchSize: { low: 1, high: 65_536, integer: true },
  groupSize: { low: 2, high: 4096, integer: true },
  maxNewTokens: { low: 1, high: 4096, integer: true },
  topK: { low: 0, high: 2 ** 24, integer: true },
  temperature: { low: 1e-6, high: 100, integer: false },
  seed: { low: 0, high: 4_294_967_295, integer: true },
  klCoef: { low: 0, high: 1000, integer: false },
  klTarget: { low: 0, high: 1000, integer: false },
  klHorizon: { low: 1, high: 1e9, integer: true },
  refSyncSteps: { low: 0, high: 1e9, integer: true },
  entropyCoef: { low: 0, high: 1000, integer: false },
  staleness: { low: 0, high: 8, integer: true },
  importanceSamplingCap: { low: 1, high: 1000, integer: false },
  epochs: { low: 1, high: 1000, integer: true },
  overlongPenalty: { low: 0, high: 1000, integer: false },
  clipRatioHigh: { low: Number.MIN_VALUE, high: 1000, integer: false },
  minP: { low: 0, high: 1, integer: false },
  clipRatio: { low: Number.MIN_VALUE, high: 1, integer: false },
  lr: { low: Number.MIN_VALUE, high: 1, integer: false },
  topP: { low: Number.MIN_VALUE, high: 1, integer: false },
} as const;
const PRETRAIN_NUMBERS = {
  steps: { low: 1, high: 1e6, integer: true },
  lr: { low: Number.MIN_VALUE, high: 1, integer: false },
  batchSize: { low: 1, high: 65_536, integer: true },
  numExamples: { low: 1, high: 1e9, integer: true },
  warmupRatio: { low: 0, high: 1, integer: false },
  minLr: { low: 0, high: 1, integer: false },
  gradClip: { low: 0, high: Number.MAX_VALUE, integer: false },
  weightDecay: { low: 0, high: 1, integer: false },
  dropout: { low: 0, high: 0.9, integer: false },
  loadBalanceCoef: { low: 0, high: 1000, integer: false },
  seed: { low: 0, high: 4_294_967_295, integer: true },
} as const;
/** Without the cosine, as it relates two of them. */
const constantRate = (options: object) => pretrainOptions({ scheduler: 'none', ...options });

describe('the defaults', () => {
  it('are those of the original command line', () => {
    expect(pretrainOptions()).toMatchObject({
      steps: 10,
      lr: 1e-3,
      batchSize: 128,
      numExamples: 10_000,
      practice: false,
      scheduler: 'cosine',
      warmupRatio: 0.05,
      minLr: 1e-5,
      gradClip: 1,
      weightDecay: 0.01,
      loadBalanceCoef: 0,
      promptLoss: false,
      seed: 0,
    });
    expect(grpoOptions()).toMatchObject({
      steps: 1000,
      batchSize: 32,
      groupSize: 4,
      lr: 1e-5,
      maxNewTokens: 256,
      klCoef: 0.1,
      klEstimator: 'k3',
      klTarget: 0,
      refSyncSteps: 0,
      loss: 'grpo',
      advantages: 'group',
      clipRatio: 0.2,
      clipRatioHigh: 0.2,
      dualClip: 0,
      epochs: 1,
      miniBatches: 1,
      staleness: 0,
      importanceSamplingCap: 2,
      entropyCoef: 0,
      maskTruncated: false,
      overlongBuffer: 0,
      dynamicSampling: false,
      temperature: 1,
      gradClip: 1,
      topK: 0,
      topP: 1,
      minP: 0,
    });
  });

  it('are options themselves: checking twice changes nothing', () => {
    expect(grpoOptions(grpoOptions({ klCoef: 0.3 }))).toEqual(grpoOptions({ klCoef: 0.3 }));
    const dapo = grpoOptions({ loss: 'dapo', clipRatio: 0.1 });
    expect(dapo).toMatchObject({ clipRatio: 0.1, clipRatioHigh: 0.28 });
    expect(grpoOptions(dapo)).toEqual(dapo);
    expect(pretrainOptions(pretrainOptions({ dropout: 0.1 }))).toEqual(pretrainOptions({ dropout: 0.1 }));
  });
});

describe.each([
  ['GRPO', GRPO_NUMBERS, grpoOptions],
  ['pretraining', PRETRAIN_NUMBERS, constantRate],
] as const)('a number of %s', (_, numbers, check) => {
  const ranges = Object.entries<{ low: number; high: number; integer: boolean }>(numbers);
  const cases = fc.constantFrom(...ranges).chain(([key, range]) =>
    fc.record({
      key: fc.constant(key),
      range: fc.constant(range),
      value: fc.oneof(fc.double(), fc.integer()),
    }),
  );

  it('is kept inside its range and refused outside, by flag, value and range', () => {
    fc.assert(
      fc.property(cases, ({ key, range: { low, high, integer }, value }) => {
        if (value >= low && value <= high && (!integer || Number.isInteger(value))) {
          expect(check({ [key]: value })).toHaveProperty(key, value);
          return;
        }
        const { message, where, fix } = refusal(() => check({ [key]: value }));
        expect(where).toBe(flagOf(key));
        expect(message).toContain(`${flagOf(key)} cannot be ${value}`);
        if (high < Number.MAX_VALUE) expect(fix).toContain(String(high));
      }),
      { numRuns: 500 },
    );
  });

  it.each(ranges)('%s takes both ends of its range, and nothing beyond', (key, { low, high, integer }) => {
    expect(check({ [key]: low })).toHaveProperty(key, low);
    expect(check({ [key]: high })).toHaveProperty(key, high);
    const step = integer ? 1 : 1e-7;
    for (const beyond of [low === Number.MIN_VALUE ? 0 : low - step, high * (1 + 1e-7) + step]) {
      expect(refusal(() => check({ [key]: beyond })).where).toBe(flagOf(key));
    }
  });
});

describe('refusals', () => {
  it.each([
    [{ groupSize: 1 }, /--group_size cannot be 1/, /from 2 .*advantage/],
    [{ topK: -1 }, /--top_k cannot be -1/, /integer from 0/],
    [{ temperature: 0 }, /--temperature cannot be 0/, /at least 0\.000001.*greedy/],
    [{ klEstimator: 'k1' }, /k1 in the loss has no effect/, /--kl_estimator k3\+.*--kl_coef 0/],
    [{ temperature: 1e-40 }, /--temperature cannot be 1e-40/, /at least 0\.000001/],
    [{ lr: 'abc' }, /--lr cannot be "abc"/, /above 0 and at most 1/],
    [{ lr: Number.NaN }, /--lr cannot be NaN/, /above 0/],
    [{ groupsize: 4 }, /no option --groupsize/, /--group_size/],
    [{ loss: 'ppo' }, /--loss cannot be "ppo"/, /grpo, dr_grpo, dapo, gspo, cispo/],
    [{ dualClip: 0.5 }, /--dual_clip cannot be 0.5/, /0 \(off\) or a number above 1/],
    [{ miniBatches: 33 }, /32 problems cannot be split into 33/, /at most --batch_size, 32/],
    [{ klCoef: 0, klTarget: 0.1 }, /without --kl_coef/, /--kl_coef above 0/],
    [{ klTarget: 0.1, klHorizon: 127 }, /128 completions/, /at least 128/],
    [{ klCoef: 0, refSyncSteps: 5 }, /there is no reference/, /--kl_coef above 0/],
    [{ loss: 'cispo', dualClip: 3 }, /cispo has no surrogate/, /another --loss/],
    [{ loss: 'cispo', clipRatio: 0.2 }, /cispo clips the ratio only above/, /--clip_ratio_high/],
    [{ overlongBuffer: 257 }, /at most 256 tokens/, /--max_gen_len/],
  ])('%j', (options, message, fix) => {
    const error = refusal(() => grpoOptions(options));
    expect(error.message).toMatch(message);
    expect(error.fix).toMatch(fix);
    expect(error.where).toMatch(/^--[a-z_]+$/);
    expect(error.message).not.toContain('\n');
  });

  it('notices a learning rate that would rise instead of decay, but only under the cosine', () => {
    expect(refusal(() => pretrainOptions({ lr: 1e-6 })).where).toBe('--min_lr');
    expect(pretrainOptions({ lr: 1e-6, scheduler: 'none' }).lr).toBe(1e-6);
    const { message, fix } = refusal(() => pretrainOptions({ lr: 0.25, minLr: 0.5 }));
    expect(message).toContain('--min_lr 0.5 is above --lr 0.25');
    for (const way of ['--min_lr', '--lr', '--scheduler none']) expect(fix).toContain(way);
    expect(pretrainOptions({ lr: 0.25, minLr: 0.25 }).minLr).toBe(0.25);
  });

  it('shows a long value cut short', () => {
    const { message, fix } = refusal(() => grpoOptions({ loss: 'grpo'.repeat(10_000) }));
    expect(message.length - fix.length).toBeLessThan(120);
  });
});

it('every option is described', () => {
  for (const { shape } of [grpoSchema, pretrainSchema]) {
    for (const [key, field] of Object.entries(shape)) expect(field.description, key).toBeTruthy();
  }
});

describe('a field', () => {
  const fixOf = (field: z.ZodType, value: unknown): string =>
    refusal(() => parseOptions(z.strictObject({ aField: field }), { aField: value })).fix;

  it.each<[() => z.ZodType, string]>([
    [() => integer(1, 9), 'give an integer from 1 to 9'],
    [() => integer(1, 9, 'as there are nine'), 'give an integer from 1 to 9 (as there are nine)'],
    [() => real({}), 'give a number'],
    [() => real({ min: 0 }), 'give a number of at least 0'],
    [() => real({ min: 0, aboveMin: true }), 'give a number above 0'],
    [() => real({ max: 2 }), 'give a number at most 2'],
    [
      () => real({ min: 0, max: 2, because: 'of the scale' }),
      'give a number of at least 0 and at most 2 (of the scale)',
    ],
    [() => yesOrNo(), 'give true or false'],
    [() => oneOf(['a', 'b']), 'give one of a, b'],
    [() => operatorList(OPERATORS, DEFAULT_OPERATORS), 'give a list such as "+,-,*"'],
  ])('says what it takes: %#', (field, fix) => {
    expect(fixOf(field(), 7n)).toBe(fix);
    expect(fixOf(field(), null)).toBe(fix);
  });

  it('of a number takes both ends of its range, and says the range beyond and between', () => {
    const takes = (field: z.ZodType, value: number) => field.safeParse(value).success;
    const whole = integer(1, 9, 'nine');
    for (const good of [1, 5, 9]) expect(takes(whole, good)).toBe(true);
    for (const bad of [0, 1.5, 10, Number.NaN])
      expect(fixOf(whole, bad)).toBe('give an integer from 1 to 9 (nine)');
    const closed = real({ min: 0, max: 2 });
    for (const good of [0, 0.5, 2]) expect(takes(closed, good)).toBe(true);
    for (const bad of [-1e-9, 2.1])
      expect(fixOf(closed, bad)).toBe('give a number of at least 0 and at most 2');
    const open = real({ min: 0, max: 2, aboveMin: true });
    expect([takes(open, 0), takes(open, 1e-9), takes(open, 2)]).toEqual([false, true, true]);
    expect(fixOf(open, 0)).toBe('give a number above 0 and at most 2');
    expect(takes(real({}), Number.POSITIVE_INFINITY)).toBe(false);
  });

  it('of a path is not empty, and says what to give where it is missing', () => {
    expect(path().safeParse('a').success).toBe(true);
    expect(fixOf(path(), '')).toBe('give a path that is not empty');
    expect(fixOf(path('give the model'), undefined)).toBe('give the model');
    expect(fixOf(path('give the model'), '')).toBe('give a path that is not empty');
    expect(fixOf(path(), undefined)).not.toBe('give the model');
  });

  it('names an option that is missing, or that there is none, with the near one or all there are', () => {
    const schema = z.strictObject({ groupSize: integer(2, 9), lr: real({}) });
    expect(refusal(() => parseOptions(schema, { lr: 1 })).message).toContain('--group_size is missing');
    expect(refusal(() => parseOptions(schema, { groupSize: 2, lr: 1, group_size: 2 })).fix).toBe(
      'write groupSize (--group_size)',
    );
    const unknown = refusal(() => parseOptions(schema, { groupSize: 2, lr: 1, zebra: 2 }));
    expect(unknown).toMatchObject({ where: '--zebra', fix: 'use --group_size, --lr' });
    expect(unknown.message).toContain('there is no option --zebra');
    expect(refusal(() => parseOptions(schema, 3))).toMatchObject({
      ...{ code: 'BAD_OPTION', where: 'options', fix: 'give an object of options' },
      message: expect.stringContaining('the options are no object'),
    });
  });

  it('of operators takes a list or a text, and passes on what is wrong with it', () => {
    const schema = z.strictObject({ operators: operatorList(OPERATORS, DEFAULT_OPERATORS) });
    expect(parseOptions(schema, { operators: '+,max' })).toEqual({ operators: ['+', 'max'] });
    expect(parseOptions(schema, { operators: ['-'] })).toEqual({ operators: ['-'] });
    const whole = parseOptions(schema, {}).operators;
    expect(whole).not.toContain('%');
    expect(whole).toContain('/');
  });
});

describe('names of earlier versions', () => {
  it('are read, in sections too, and the present name counts where both are given', () => {
    expect(grpoOptions({ maxGenLen: 12 })).toMatchObject({ maxNewTokens: 12 });
    expect(grpoOptions({ maxNewTokens: 9, maxGenLen: 12 }).maxNewTokens).toBe(9);
    expect(grpoOptions({ maxGenLen: 12, maxNewTokens: 9 }).maxNewTokens).toBe(9);
    const nested = {
      steps: 1,
      grpo: { maxGenLen: 3, lr: 1 },
      operators: ['+'],
      constructor: 'a',
      deep: { a: { maxGenLen: 1 } },
    };
    expect(withPresentNames(nested)).toEqual({
      ...{ steps: 1, grpo: { maxNewTokens: 3, lr: 1 }, operators: ['+'], constructor: 'a' },
      deep: { a: { maxGenLen: 1 } },
    });
  });

  it('are refused by the flag that there is', () => {
    expect(refusal(() => grpoOptions({ maxGenLen: 0 }))).toMatchObject({
      where: '--max_gen_len',
      message: expect.stringContaining('--max_gen_len cannot be 0'),
    });
    expect(flagOf('maxNewTokens')).toBe('--max_gen_len');
  });
});

it('a seed has 32 bits', () => {
  for (const good of [0, 1, 2 ** 32 - 1]) {
    expect(isSeed(good)).toBe(true);
    expect(() => checkSeed(good)).not.toThrow();
  }
  for (const bad of [-1, 0.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(isSeed(bad)).toBe(false);
    expect(() => checkSeed(bad)).toThrow(MathformerError);
    expect(() => checkSeed(bad)).toThrow(
      expect.objectContaining({
        ...{ code: 'BAD_OPTION', where: 'seed', fix: 'give an integer from 0 to 4294967295' },
        message: expect.stringContaining(`the seed is ${bad}`),
      }),
    );
  }
});
