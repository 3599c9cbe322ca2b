/** Rewards and tasks in the user's modules: valid ones, and refusals with their reasons. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BadOptionError, pick } from '../../../src/base/options.ts';
import {
  isBuiltInReward,
  rewardNames,
  rewardsOf,
  withRewardPaths,
} from '../../../src/cli/flags/rewardFlag.ts';
import { definitionOf, isBuiltInTask, taskOf } from '../../../src/cli/flags/taskFlag.ts';
import { defaultExport } from '../../../src/cli/flags/userModule.ts';
import { ARITHMETIC } from '../../../src/tasks/arithmetic/task.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-modules-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function moduleOf(source: string): string {
  const path = join(directory, `my-module-${files++}.mjs`);
  writeFileSync(path, source);
  return path;
}

async function refusal(work: Promise<unknown>): Promise<BadOptionError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof BadOptionError) return error;
  throw new Error(`it was not refused: ${error}`);
}

describe('--reward', () => {
  it('takes a list of names, each with a weight', async () => {
    const rewards = await rewardsOf('correctness,format:0.25, partial:-1e-2', ARITHMETIC);
    expect(rewards.map(({ name, weight }) => [name, weight])).toEqual([
      ['correctness', 1],
      ['format', 0.25],
      ['partial', -0.01],
    ]);
    expect((await rewardsOf(['length'], ARITHMETIC)).length).toBe(1);
  });

  it('takes a module with the number behind its last colon as weight, and a colon in its path', async () => {
    const source = 'export default { name: "mine", reward: () => 7 };';
    const path = join(directory, 'odd:name.mjs');
    writeFileSync(path, source);
    const weightOf = async (list: string | readonly string[]) =>
      (await rewardsOf(list, ARITHMETIC)).map(({ name, weight }) => [name, weight]);
    expect(await weightOf(path)).toEqual([['mine', 1]]);
    expect(await weightOf(`${path}:-2.5E1`)).toEqual([['mine', -25]]);
    expect(await weightOf(`${moduleOf(source)}:+.5`)).toEqual([['mine', 0.5]]);
    const comma = join(directory, 'a,b.mjs');
    writeFileSync(comma, source);
    expect(await weightOf([comma, ' format '])).toEqual([
      ['mine', 1],
      ['format', 1],
    ]);
  });

  it('hands a reward the object that it belongs to', async () => {
    const path = moduleOf('export default { bonus: 3, reward() { return this.bonus; } };');
    const [reward] = await rewardsOf(path, ARITHMETIC);
    const completion = {
      tokens: [],
      text: '',
      finished: true,
      outcome: 'wrong',
      answer: null,
      maxLength: 9,
    } as const;
    const context = { signal: AbortSignal.timeout(60_000) };
    expect(await reward?.reward({ expression: '1', answer: '1' }, completion, context)).toBe(3);
    expect(reward?.name).toBe(basename(path, '.mjs'));
  });

  it('takes modules that were compiled to CommonJS', async () => {
    const path = join(directory, 'compiled.cjs');
    writeFileSync(path, 'exports.__esModule = true; exports.default = () => 7;');
    const [reward] = await rewardsOf(path, ARITHMETIC);
    expect(reward).toMatchObject({ name: 'compiled', reward: expect.any(Function) });
  });

  it('takes modules that export a function, or an object', async () => {
    const bare = moduleOf('export default (problem, { text }) => text.length;');
    const named = moduleOf('export default { name: "mine", weight: 3, reward: () => 7 };');
    const rewards = await rewardsOf(`${bare},${named},correctness`, ARITHMETIC);
    expect(rewards.map(({ name, weight }) => [name, weight])).toEqual([
      [basename(bare, '.mjs'), undefined],
      ['mine', 3],
      ['correctness', 1],
    ]);
    expect((await rewardsOf(`${named}:0.5`, ARITHMETIC))[0]).toMatchObject({ name: 'mine', weight: 0.5 });
  });

  it.each([
    [
      'a name that is none',
      'corectness',
      /corectness: there is no such module/,
      /correctness, format, length/,
    ],
    ['no function', moduleOf('export default 5;'), /neither a function nor an object/, /export a function/],
    ['an object without one', moduleOf('export default { reward: 1 };'), /reward is not what/, /export a f/],
    ['no default export', moduleOf('export const reward = 1;'), /has no default export/, /export default/],
    ['a module that throws', moduleOf('throw new Error("boom");'), /cannot be loaded: boom/, /correct/],
    ['a module that does not parse', moduleOf('export default ('), /cannot be loaded: /, /correct/],
    ['a weight that is no number', 'format:0.5.5', /weight/, /give|a number/],
    [
      'a name of no letters',
      moduleOf('export default { name: "", reward: () => 1 };'),
      /name is not what/,
      /export/,
    ],
    [
      'a weight of text',
      moduleOf('export default { weight: "1", reward: () => 1 };'),
      /weight is not what/,
      /export/,
    ],
    ['null', moduleOf('export default null;'), /neither a function nor an object/, /export a function/],
    ['the same twice', 'format,format', /two rewards are called format/, /a unique name/],
    ['nothing', '', /there is no such module/, /or the path of a module/],
  ])('refuses %s', async (_, list, message, fix) => {
    const error = await refusal(rewardsOf(list, ARITHMETIC));
    expect(error.where).toBe('--reward');
    expect(error.message).toMatch(message);
    expect(error.fix).toMatch(fix);
  });

  it('refuses partial credit of a task that knows none', async () => {
    const { partialCredit: _, ...task } = ARITHMETIC;
    expect((await refusal(rewardsOf('partial', task))).message).toMatch(/has no partial credit/);
  });
});

describe('the names in a list of rewards', () => {
  it('are without their weights', () => {
    expect(rewardNames('correctness, ./a.ts:0.5 ,length:1e-2')).toEqual(['correctness', './a.ts', 'length']);
    expect(rewardNames(['./a,b.ts:2', 'format'])).toEqual(['./a,b.ts', 'format']);
    for (const none of [undefined, 5, null, {}]) expect(rewardNames(none)).toEqual([]);
    expect(rewardNames('')).toEqual(['']);
  });

  it('tell modules from what comes built in', () => {
    expect(['correctness', 'length', 'toString', './format'].map(isBuiltInReward)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(['arithmetic', 'sort', 'constructor', './sort'].map(isBuiltInTask)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('change with the paths of modules, and keep their weights', () => {
    const moved = (list: unknown) => withRewardPaths(list, (path) => `/there/${path}`);
    expect(moved('correctness,a.ts:0.5, b.ts')).toEqual(['correctness', '/there/a.ts:0.5', '/there/b.ts']);
    expect(moved(['a,b.ts:2', 'format:3'])).toEqual(['/there/a,b.ts:2', 'format:3']);
    for (const same of ['correctness,length:0.2', ['format'], undefined, 5]) expect(moved(same)).toBe(same);
  });
});

describe('defaultExport', () => {
  const load = (path: string) => defaultExport('--flag', path, ['a', 'b']);

  it('is what the module exports as default, whatever that is', async () => {
    expect(await load(moduleOf('export default 0;'))).toBe(0);
    expect(await load(moduleOf('export default { default: 1 };'))).toEqual({ default: 1 });
    expect(await load(moduleOf('export default null;'))).toBeNull();
    const typed = join(directory, 'typed.ts');
    writeFileSync(typed, 'export default (5 as number);');
    expect(await load(typed)).toBe(5);
  });

  it('lies one deeper in what was compiled to CommonJS', async () => {
    const compiled = join(directory, 'deeper.cjs');
    writeFileSync(compiled, 'exports.__esModule = true; exports.default = 7;');
    expect(await load(compiled)).toBe(7);
    const whole = join(directory, 'whole.cjs');
    writeFileSync(whole, 'module.exports = { __esModule: true, other: 7 };');
    expect(await load(whole)).toMatchObject({ other: 7 });
  });

  it.each([
    ['nowhere.mjs', /^--flag nowhere\.mjs: there is no such module/, 'give a, b, or the path of a module'],
    [moduleOf('throw "boom";'), /: it cannot be loaded: boom/, 'correct the module'],
    [moduleOf('export const a = 1;'), /: the module has no default export/, 'add `export default …`'],
  ])('refuses %s', async (path, message, fix) => {
    const error = await refusal(load(path));
    expect(error).toMatchObject({ where: '--flag', fix });
    expect(error.message).toMatch(message);
  });
});

describe('--task', () => {
  const options = { maxDigits: 2, maxDepth: 1, operators: '+' };
  const made = async (name: string) => {
    const definition = await definitionOf(name);
    return taskOf({ definition, options: pick({ shape: definition.options }, options) });
  };
  const SOURCE = `{
    name: 'echo', levels: ['only'],
    tokenizer: { vocabSize: 2, eos: 1, encode: () => [0], decode: () => 'a' },
    draw: () => ({ expression: 'a', answer: 'a' }), heldOut: () => [], prompt: () => [0],
    example: () => ({ tokens: [0, 0, 1], promptLength: 1 }), grade: () => ({ outcome: 'wrong', answer: null }),
  }`;

  it('takes names, modules that export a task, and modules that make one of the options', async () => {
    expect((await made('arithmetic')).levels).toEqual(['digits_1_depth_1', 'digits_2_depth_1']);
    expect((await made('sort')).levels.length).toBe(2);
    expect((await made(moduleOf(`export default ${SOURCE};`))).name).toBe('echo');
    const making = moduleOf(
      `export default ({ maxDigits }) => ({ ...${SOURCE}, name: 'echo' + maxDigits });`,
    );
    expect((await made(making)).name).toBe('echo2');
  });

  it.each([
    [
      'a function that throws no error',
      moduleOf('export default () => { throw "boom"; };'),
      /cannot be made: boom/,
      /correct/,
    ],
    [
      'a task that is made without a function',
      moduleOf(`export default async () => ({ ...${SOURCE}, draw: 1 });`),
      /it has no draw/,
      /tasks/,
    ],
    [
      'a name that is none',
      'sorting',
      /sorting: there is no such module/,
      /arithmetic, sort, countdown, or the path/,
    ],
    ['what is no object', moduleOf('export default 5;'), /it has no name \(a string\)/, /mathformer\/tasks/],
    [
      'a task that lacks a function',
      moduleOf(`export default { ...${SOURCE}, grade: undefined };`),
      /it has no grade \(a function\)/,
      /mathformer\/tasks/,
    ],
    [
      'a task without levels',
      moduleOf(`export default { ...${SOURCE}, levels: [] };`),
      /it has no levels \(a list of names\)/,
      /mathformer\/tasks/,
    ],
    [
      'a tokenizer without an end',
      moduleOf(`export default { ...${SOURCE}, tokenizer: { vocabSize: 3 } };`),
      /it has no tokenizer\.eos \(a number\)/,
      /mathformer\/tasks/,
    ],
    [
      'a function that throws',
      moduleOf('export default () => { throw new Error("boom"); };'),
      /cannot be made: boom/,
      /correct/,
    ],
  ])('refuses %s', async (_, path, message, fix) => {
    const error = await refusal(made(path));
    expect(error.where).toBe('--task');
    expect(error.message).toMatch(message);
    expect(error.fix).toMatch(fix);
  });
});
