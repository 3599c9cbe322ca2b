/** The options of runs, described as the command line describes them. */
import { expect, test } from 'vitest';
import { grpoFlags, pipelineSections, pretrainFlags } from '../../src/cli/flags/trainingFlags.ts';
import { commandOptions } from '../../src/training/commandOptions.ts';
import { RUN_KINDS } from '../../src/training/runConfig.ts';
import { optionSections } from '../../src/training/runOptions.ts';

const sectionsOf = (...given: Parameters<typeof optionSections>) =>
  Object.fromEntries(optionSections(...given).map(({ key, options }) => [key ?? '', options]));

test('options have their flag, help, default and range', () => {
  const [{ options } = { options: [] }] = optionSections('grpo');
  const one = (key: string) => options.find((option) => option.key === key);
  expect(one('groupSize')).toMatchObject({
    flag: '--group_size',
    help: 'completions sampled for each problem',
    ...{ type: 'number', default: 4, min: 2, max: 4096, isInteger: true },
  });
  expect(one('loss')).toMatchObject({ type: 'choice', default: 'grpo' });
  expect(one('loss')?.choices).toContain('dapo');
  expect(one('curriculum')).toMatchObject({ type: 'switch', default: false });
  expect(one('clipRatio')).toMatchObject({ type: 'number', default: undefined, isInteger: false });
  expect(one('operators')?.type).toBe('list');
  expect(one('maxNewTokens')?.flag).toBe('--max_gen_len');
});

test('a bad value has advice', () => {
  const [{ options } = { options: [] }] = optionSections('grpo');
  const one = (key: string) => options.find((option) => option.key === key);
  expect(one('groupSize')?.adviceOn(4)).toBeUndefined();
  expect(one('groupSize')?.adviceOn(1)).toContain('give an integer from 2 to 4096');
  expect(one('loss')?.adviceOn('cake')).toContain('give one of');
  expect(one('operators')?.adviceOn(['+'])).toBeUndefined();
});

test('every option is one of the command that makes the run, with the same default', () => {
  const taskless = 'no such task';
  const commands = { grpo: grpoFlags.shape, pretrain: pretrainFlags.shape };
  for (const kind of ['grpo', 'pretrain'] as const) {
    for (const { key, default: value } of sectionsOf(kind, taskless)[''] ?? []) {
      expect(commands[kind]).toHaveProperty(key);
      if (value !== undefined) expect(Reflect.get(commands[kind], key).parse(undefined)).toEqual(value);
    }
  }
  const { pretrain, grpo } = sectionsOf('pipeline');
  expect(pretrain?.map(({ key }) => key).sort()).toEqual(Object.keys(pipelineSections.pretrain.shape).sort());
  expect(grpo?.map(({ key }) => key).sort()).toEqual(Object.keys(pipelineSections.grpo.shape).sort());
});

test.each(RUN_KINDS)('%s: every option has help', (kind) => {
  for (const { options } of optionSections(kind)) {
    for (const { key, help } of options) expect([key, help]).not.toEqual([key, '']);
  }
});

test.each(RUN_KINDS)(
  '%s: options of the command are none of those of the training, and have help',
  (kind) => {
    const own = new Set(optionSections(kind).flatMap(({ options }) => options.map(({ key }) => key)));
    for (const { key, help } of commandOptions(kind)) {
      expect(own).not.toContain(key);
      expect([key, help]).not.toEqual([key, '']);
    }
  },
);
