/** The options of a run as rows, and the commands made of them. */
import { grpoOptions } from 'mathformer/grpo';
import { runConfigSchema } from 'mathformer/training';
import { split } from 'shlex';
import { describe, expect, test } from 'vitest';
import { flagsCommand, repeatCommand, resumeCommand } from '../../../../app/src/run/config/commands.ts';
import { optionRows, shownOption } from '../../../../app/src/run/config/optionRows.ts';

const { clipRatio, clipRatioHigh, ...grpo } = grpoOptions({ steps: 30, curriculum: true });
const config = runConfigSchema.parse({
  kind: 'grpo',
  options: {
    task: 'arithmetic',
    ...grpo,
    operators: ['+', 'max'],
    checkpoint: "it's here",
    out: 'runs/a',
    json: false,
  },
  derived: { clipRatio, clipRatioHigh },
});
const rows = optionRows(config);
const row = (key: string) => rows.find((each) => each.key === key);

describe('rows', () => {
  test('say which options were given, with their help and default', () => {
    expect(row('steps')).toMatchObject({ value: 30, default: 1000, origin: 'given', flag: '--steps' });
    expect(row('steps')?.help).toContain('rounds of sampling');
    expect(row('groupSize')).toMatchObject({ value: 4, default: 4, origin: 'default' });
    expect(row('operators')).toMatchObject({ value: ['+', 'max'], origin: 'given' });
    expect(row('clipRatio')).toMatchObject({ value: 0.2, origin: 'derived' });
    expect(row('checkpoint')).toMatchObject({ origin: 'command', help: '' });
    expect(row('task')).toMatchObject({ origin: 'default', default: 'arithmetic' });
    expect(row('out')?.help).toContain('directory of the run');
  });

  test('that differ from the default come first, each option once', () => {
    const origins = rows.map(({ origin }) => origin);
    const firstOther = origins.findIndex((origin) => origin !== 'given');
    expect(origins.slice(firstOther)).not.toContain('given');
    expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
  });

  test('of the pipeline are in its sections', () => {
    const pipeline = runConfigSchema.parse({
      kind: 'pipeline',
      options: { seed: 3, out: 'x', pretrain: { lr: 0.5 }, grpo: { steps: 2 } },
      derived: { grpo: { clipRatio: 0.2 } },
    });
    expect(optionRows(pipeline).map(({ section, key, origin }) => [section, key, origin])).toEqual([
      [null, 'seed', 'given'],
      ['pretrain', 'lr', 'given'],
      ['grpo', 'steps', 'given'],
      ['grpo', 'clipRatio', 'derived'],
      [null, 'out', 'command'],
    ]);
  });

  test('of a task that is not built in have no help, but are there', () => {
    const other = runConfigSchema.parse({ kind: 'grpo', options: { task: './task.js', level: 3 } });
    expect(optionRows(other).map(({ key }) => key)).toEqual(['task', 'level']);
  });
});

test('values are shown as a command line takes them', () => {
  expect([['+', '-'], 0, false, '', null, undefined, { a: 1 }].map(shownOption)).toEqual([
    ...['+,-', '0', 'false', '–', '–', '–', '{"a":1}'],
  ]);
});

describe('commands', () => {
  test('as flags: what was given, quoted for a shell, without what belongs to one run alone', () => {
    const words = split((flagsCommand('grpo', rows) ?? '').replaceAll('\\\n', ''));
    expect(words.slice(0, 3)).toEqual(['npx', 'mathformer', 'grpo']);
    expect(words).toEqual(expect.arrayContaining(['--steps', '30', '--curriculum', '--operators', '+,max']));
    expect(words).toEqual(expect.arrayContaining(['--checkpoint', "it's here"]));
    for (const absent of ['--out', '--json', '--no_json', '--group_size'])
      expect(words).not.toContain(absent);
  });

  test('of the pipeline, whose sections are no flags, is its config', () => {
    expect(flagsCommand('pipeline', rows)).toBeUndefined();
    expect(split(repeatCommand('pipeline', 'my runs/a'))).toEqual([
      ...['npx', 'mathformer', 'train', '--config', 'my runs/a/config.json', '--out', 'my runs/a-again'],
    ]);
    expect(split(resumeCommand('my runs/a')).at(-1)).toBe('my runs/a');
  });
});
