/** The settings of training in checkpoints, and their use by commands. */
import { describe, expect, it } from 'vitest';
import { takenSettings } from '../../src/cli/takenSettings.ts';
import { arithmeticTask } from '../../src/tasks/arithmetic/task.ts';
import {
  SETTINGS_KEY,
  settingsEntry,
  settingsOf,
  type TrainedSettings,
} from '../../src/training/trainedSettings.ts';

const SETTINGS: TrainedSettings = {
  task: 'arithmetic',
  maxDigits: 1,
  maxDepth: 2,
  operators: ['+', '-', 'max'],
  maxNewTokens: 96,
  evalSize: 1000,
  temperature: 0.9,
  topK: 5,
  topP: 0.95,
  minP: 0,
};

const metadata = (text: string) => new Map([[SETTINGS_KEY, text]]);

describe('settingsOf', () => {
  it('reads what was written', () => {
    expect(settingsOf(new Map([settingsEntry(SETTINGS)]), arithmeticTask.options)).toEqual(SETTINGS);
    expect(settingsOf(new Map([settingsEntry({ task: 'sort' })]))).toEqual({ task: 'sort' });
  });

  it('keeps to the key that checkpoints of earlier versions have', () => {
    expect(settingsEntry({ task: 'sort' })).toEqual(['settings', '{"task":"sort"}']);
    expect(settingsOf(new Map([['settings', '{"task":"sort"}']]))).toEqual({ task: 'sort' });
  });

  it('reads the longest answer by its name in earlier versions', () => {
    expect(settingsOf(metadata('{"task": "sort", "maxGenLen": 96}'))).toEqual({
      task: 'sort',
      maxNewTokens: 96,
    });
  });

  it('leaves out what a later version may add', () => {
    expect(settingsOf(metadata('{"maxDigits": 4, "later": {"a": 1}}'), arithmeticTask.options)).toEqual({
      maxDigits: 4,
    });
  });

  it.each([
    ['no settings', new Map()],
    ['what is no JSON', metadata('{')],
    ['what is no object', metadata('[1]')],
    ['an option out of its range', metadata('{"maxNewTokens": 1e9}')],
    ['a number as text', metadata('{"maxDigits": "4"}')],
    ['an operator that is none', metadata('{"operators": ["+", "rm"]}')],
  ])('has nothing of %s', (_, given) => {
    expect(settingsOf(given, arithmeticTask.options)).toEqual({});
  });
});

describe('takenSettings', () => {
  const keys = ['task', 'maxDigits', 'operators', 'maxNewTokens'];

  it('takes what the command has options for and what is not given, and says it as flags', () => {
    expect(takenSettings('a', SETTINGS, keys, { maxDigits: 7 })).toEqual({
      options: { task: 'arithmetic', operators: ['+', '-', 'max'], maxNewTokens: 96 },
      text: '--task arithmetic --operators +,-,max --max_gen_len 96',
    });
    expect(takenSettings('a', {}, keys, {})).toEqual({ options: {}, text: '' });
  });

  it('does not run the module of a task unless it is named, and says how', () => {
    const own = { task: "/home/me/it's mine.ts" };
    expect(() => takenSettings('a', own, keys, {})).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^a was trained on the task of a module/),
        where: '--task',
        fix: `give --task '/home/me/it'"'"'s mine.ts'`,
      }),
    );
    expect(takenSettings('a', own, keys, { task: './mine.ts' }).options).toEqual({});
    expect(takenSettings('a', own, ['maxDigits'], {}).options).toEqual({});
  });
});
