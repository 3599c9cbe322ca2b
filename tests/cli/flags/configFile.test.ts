/** Options from a file, a recipe and flags: precedence and refusals. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { flagOf } from '../../../src/base/options.ts';
import { readConfig, readOptions } from '../../../src/cli/flags/configFile.ts';
import { addFlags, withUnderscores } from '../../../src/cli/flags/flags.ts';
import {
  grpoFlags,
  pipelineFlags,
  pipelineSections,
  pretrainFlags,
} from '../../../src/cli/flags/trainingFlags.ts';
import { RECIPES } from '../../../src/grpo/recipes.ts';
import { arithmeticTask } from '../../../src/tasks/arithmetic/task.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function file(content: unknown): string {
  const path = join(directory, `${files++}.json`);
  const isText = typeof content === 'string' || content instanceof Uint8Array;
  writeFileSync(path, isText ? content : JSON.stringify(content));
  return path;
}

function grpo(...argv: string[]) {
  const schema = z.strictObject({ ...grpoFlags.shape, ...arithmeticTask.options });
  const command = addFlags(new Command().exitOverride(), schema);
  command.parse(withUnderscores(argv), { from: 'user' });
  return readOptions(command, schema).flags;
}

describe('--config', () => {
  it('gives options; flags win over it, and it over the defaults', () => {
    const config = file({ checkpoint: 'a.pt', lr: 1e-3, batchSize: 8, operators: ['+'], reward: ['format'] });
    expect(grpo('--config', config, '--batch-size', '4')).toMatchObject({
      ...{ checkpoint: 'a.pt', lr: 1e-3, batchSize: 4, groupSize: 4, operators: ['+'], reward: ['format'] },
    });
  });

  it('takes the config of a run, but not its outputs', () => {
    const flags = grpo(
      '--checkpoint',
      'a.pt',
      '--lr',
      '1e-3',
      '--out',
      'x',
      '--log_csv',
      'y',
      '--top_k',
      '5',
    );
    const again = grpo('--config', file({ kind: 'grpo', options: flags, model: {} }));
    const { out: _, ...expected } = flags;
    expect({ ...again, config: undefined }).toEqual({ ...expected, logCsv: '', config: undefined });
    expect(grpo('--config', file({ kind: 'grpo', options: flags }), '--out', 'z').out).toBe('z');
    const written = { profile: 'trace.json', config: 'other.json', trust: true };
    const taken = grpo('--config', file({ kind: 'grpo', options: { ...flags, ...written } }));
    expect([taken.profile, taken.trust, taken.lr]).toEqual([undefined, false, 1e-3]);
  });

  it.each([
    ['an unknown key', { zebra: 1 }, /: there is no option 'zebra'/, /use .*lr/],
    ['a mistyped key', { lrr: 1 }, /: there is no option 'lrr'/, /^did you mean lr\?$/],
    ["TRL's name of one", { learning_rate: 1 }, /no option 'learning_rate'/, /^did you mean lr\?$/],
    [
      "TRL's name in camelCase",
      { numGenerations: 1 },
      /no option 'numGenerations'/,
      /^did you mean groupSize\?$/,
    ],
    ['a key of every object', { constructor: { lr: 1 } }, /no option 'constructor'/, /use .*lr/],
    ['the key of a prototype', '{"__proto__": {"lr": 1}}', /no option '__proto__'/, /use .*lr/],
    ['a function of every object', { toString: 1 }, /no option 'toString'/, /use .*lr/],
    ['an option twice', '{"lr": 1, "lr": 2}', /the key "lr" occurs twice/, /remove one/],
    ['an option twice, once escaped', '{"lr": 1, "l\\u0072": 2}', /the key "lr" occurs twice/, /remove one/],
    ['null', 'null', /is no JSON object/, /object of options/],
    ['a value of another type', { lr: { value: 1 } }, /: lr cannot be \{"value":1\}/, /give a number/],
    ['null for a value', { curriculum: null }, /: curriculum cannot be null/, /true or false/],
    ['a text for a switch', { curriculum: 'false' }, /: curriculum cannot be "false"/, /true or false/],
    ['control characters', '\u0007{}', /is no JSON: .*\\u0007/, /correct the file/],
    ['bytes of no text', Buffer.from([0x7b, 0xff, 0x7d]), /it is not UTF-8/, /save it as UTF-8/],
    ['half a character of UTF-16', Buffer.from([0xff, 0xfe, 0x7b]), /it is not UTF-16LE/, /save it as UTF-8/],
    ['a key as the flag spells it', { batch_size: 1 }, /no option 'batch_size'/, /^write batchSize$/],
    ['a bad value', { lr: -1 }, /: lr cannot be -1/, /above 0/],
    ['another kind of training', { numExamples: 5 }, /no option 'numExamples'/, /use/],
    [
      'the outer key of an object again',
      '{"lr": 1, "operators": [{}], "lr": 2}',
      /"lr" occurs twice/,
      /remove/,
    ],
    ['what has a kind, but no options of a run', { kind: 'grpo', lr: 1 }, /no option 'kind'/, /use/],
    ['options of no run', { options: { lr: 1 } }, /no option 'options'/, /use/],
    ['another file', { config: 'other.json' }, /'config' names another file/, /into this one/],
    ['no object', [1], /is no JSON object/, /object of options/],
    ['no JSON', '{', /is no JSON: /, /correct the file/],
  ])('refuses %s', (_, content, message, fix) => {
    const path = file(content);
    const refused = (): unknown => {
      try {
        return grpo('--config', path, '--checkpoint', 'a.pt');
      } catch (error) {
        return error;
      }
    };
    expect(refused()).toMatchObject({
      code: 'BAD_OPTION',
      where: '--config',
      message: expect.stringMatching(message),
      fix: expect.stringMatching(fix),
    });
    expect(String(refused())).toContain(path);
  });

  it('names no file as an option to choose', () => {
    const path = file({ zebra: 1 });
    expect(() => grpo('--config', path)).toThrow(
      expect.objectContaining({ fix: expect.not.stringMatching(/\bconfig\b/) }),
    );
  });

  it('may have a key again in another object', () => {
    const read = readConfig(file('{"grpo": {"lr": 1}, "pretrain": {"lr": 1}, "seed": 3}'), pipelineFlags, {
      ...pipelineSections,
    });
    expect(read).toEqual({ grpo: { lr: 1 }, pretrain: { lr: 1 }, seed: 3 });
    expect(() =>
      readConfig(file('{"grpo": {"seed": 1}, "seed": 3}'), pipelineFlags, pipelineSections),
    ).toThrow(/no option 'grpo\.seed'/);
  });

  it('may begin with a byte order mark, as editors and shells of Windows write it', () => {
    const text = '\ufeff{"lr": 0.5, "checkpoint": "é.pt"}';
    const littleEndian = Buffer.from(text, 'utf16le');
    for (const content of [text, littleEndian, Buffer.from(littleEndian).swap16()]) {
      expect(grpo('--config', file(content))).toMatchObject({ lr: 0.5, checkpoint: 'é.pt' });
    }
  });

  it('turns switches on, and a flag turns them off again', () => {
    const config = file({ checkpoint: 'a.pt', curriculum: true, dynamicSampling: true });
    expect(grpo('--config', config, '--no-curriculum')).toMatchObject({
      curriculum: false,
      dynamicSampling: true,
    });
  });

  it('that is not there is an error of the file', () => {
    expect(() => grpo('--config', join(directory, 'none.json'))).toThrow(/none\.json: there is no such file/);
  });

  it('hands on the sections of the pipeline, apart from its flags', () => {
    const command = addFlags(new Command().exitOverride(), pipelineFlags);
    const path = file({ seed: 2, keepLast: 3, grpo: { steps: 5 } });
    command.parse(['--config', path, '--seed', '4'], { from: 'user' });
    const { flags, sections } = readOptions(command, pipelineFlags, pipelineSections);
    expect(flags).toMatchObject({ seed: 4, keepLast: 3 });
    expect(sections).toEqual({ grpo: { steps: 5 } });
  });

  it('may name options as earlier versions did', () => {
    const path = file('{"kind": "pipeline", "options": {"seed": 1, "grpo": {"maxGenLen": 16}}}');
    expect(readConfig(path, pipelineFlags, pipelineSections)).toEqual({
      seed: 1,
      grpo: { maxNewTokens: 16 },
    });
    expect(readConfig(file('{"maxGenLen": 16}'), grpoFlags)).toEqual({ maxNewTokens: 16 });
  });

  it('names files from where it lies', () => {
    writeFileSync(join(directory, 'beside.pt'), '');
    const checkpointOf = (checkpoint: string) => grpo('--config', file({ checkpoint })).checkpoint;
    expect(checkpointOf('beside.pt')).toBe(join(directory, 'beside.pt'));
    expect(checkpointOf('nowhere.pt')).toBe('nowhere.pt');
  });

  it('checks the sections of the pipeline by their own keys', () => {
    const read = (content: unknown) => readConfig(file(content), pipelineFlags, pipelineSections);
    expect(read({ seed: 2, grpo: { steps: 5 } })).toEqual({ seed: 2, grpo: { steps: 5 } });
    expect(() => read({ grpo: { stepps: 5 } })).toThrow(/there is no option 'grpo\.stepps'/);
    expect(() => read({ grpo: { seed: 5 } })).toThrow(/there is no option 'grpo\.seed'/);
    expect(() => read({ pretrain: { lr: 'x' } })).toThrow(/pretrain\.lr cannot be "x"/);
    expect(() => read({ grpo: 5 })).toThrow(/grpo is no object/);
    expect(() => readConfig(file({ grpo: {} }), pretrainFlags)).toThrow(/there is no option 'grpo'/);
  });
});

describe('code that a --config names', () => {
  const named = { checkpoint: 'a.pt', task: './task.mjs', reward: ['correctness', './reward.mjs'] };
  const both = ['--task', 'sort', '--reward', 'format'];

  it('is refused, unless the command line trusts it or names all of it itself', () => {
    const config = ['--config', file(named)];
    const refused = (...flags: string[]) => expect(() => grpo(...config, ...flags));
    refused().toThrow(/names \.\/task\.mjs, \.\/reward\.mjs: code/);
    refused('--no_trust').toThrow(expect.objectContaining({ where: '--trust' }));
    refused('--task', 'sort').toThrow(/names \.\/reward\.mjs: code/);
    refused('--reward', 'format').toThrow(/names \.\/task\.mjs: code/);
    expect(grpo(...config, ...both)).toMatchObject({ task: 'sort', reward: 'format' });
    expect(grpo(...config, '--trust')).toMatchObject({ task: named.task, reward: named.reward });
  });

  it('is the user’s own word on the command line', () => {
    const own = ['--checkpoint', 'a.pt', '--task', './task.mjs'];
    expect(grpo(...own).task).toBe('./task.mjs');
    expect(grpo(...own, '--config', file({ lr: 0.5 }))).toMatchObject({ task: './task.mjs', lr: 0.5 });
  });

  it('is not trusted because the file says so', () => {
    expect(() => grpo('--config', file({ ...named, trust: true }), '--trust')).toThrow(
      expect.objectContaining({
        where: '--trust',
        message: expect.stringMatching(/no file can say that it is trusted/),
        fix: expect.stringMatching(/^remove it/),
      }),
    );
  });
});

describe('--recipe', () => {
  const model = ['--checkpoint', 'a.pt'];

  it('changes defaults; the default one changes none', () => {
    expect(grpo(...model, '--recipe', 'tuned')).toMatchObject({
      ...RECIPES.tuned.options,
      reward: grpo(...model, '--reward', 'partial').reward,
      recipe: 'tuned',
    });
    expect(grpo(...model, '--recipe', 'default')).toEqual(grpo(...model));
    expect(() => grpo(...model, '--recipe', 'best')).toThrow(/--recipe cannot be "best"/);
  });

  it('what is nearer wins', () => {
    const own = file({ recipe: 'tuned', lr: 0.5 });
    expect(grpo(...model, '--config', own).lr).toBe(0.5);
    expect(grpo(...model, '--config', file({ recipe: 'tuned' })).lr).toBe(RECIPES.tuned.options.lr);
    expect(grpo(...model, '--config', own, '--recipe', 'tuned').lr).toBe(0.5);
    expect(grpo(...model, '--config', own, '--recipe', 'default')).toMatchObject({
      recipe: 'default',
      lr: 0.5,
      klCoef: 0.1,
    });
    expect(grpo(...model, '--config', own, '--recipe', 'tuned', '--lr', '0.25').lr).toBe(0.25);
    const correctness = ['--reward', 'correctness'];
    expect(grpo(...model, '--recipe', 'tuned', ...correctness).reward).toEqual(
      grpo(...model, ...correctness).reward,
    );
  });

  it.each(Object.entries({ ...RECIPES.tuned.options, reward: RECIPES.tuned.reward }))(
    '%s: a flag wins over the file, the file over the recipe, the recipe over the default',
    (key, tuned) => {
      const [inFile, inFlag] = OTHERS[key] ?? [];
      const recipe = ['--recipe', 'tuned'];
      const config = ['--config', file({ [key]: inFile })];
      const flag = flagOf(key);
      const flags =
        typeof inFlag === 'boolean' ? [inFlag ? flag : flag.replace('--', '--no_')] : [flag, String(inFlag)];
      expect(grpo(...model)).not.toMatchObject({ [key]: tuned });
      expect(grpo(...model, ...recipe)).toMatchObject({ [key]: tuned });
      expect(grpo(...model, ...recipe, ...config)).toMatchObject({ [key]: inFile });
      expect(grpo(...model, ...config, ...recipe)).toMatchObject({ [key]: inFile });
      expect(grpo(...model, ...recipe, ...config, ...flags)).toMatchObject({ [key]: inFlag });
      expect(grpo(...model, ...recipe, ...flags)).toMatchObject({ [key]: inFlag });
    },
  );
});

/** For each key, a value for a file and one for a flag. */
const OTHERS: Readonly<Record<string, readonly [unknown, unknown]>> = {
  lr: [0.5, 0.25],
  scheduler: ['none', 'none'],
  klCoef: [0.3, 0.4],
  dynamicSampling: [false, false],
  dynamicSamplingMetric: ['accuracy', 'accuracy'],
  epochs: [5, 7],
  reward: ['format', 'length'],
};
