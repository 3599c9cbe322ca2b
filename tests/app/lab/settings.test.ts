/** The settings of the Lab: every one is in the address, and every preset is valid. */
import fc from 'fast-check';
import { grpoOptions } from 'mathformer/grpo';
import { recipeTask } from 'mathformer/training';
import { describe, expect, it } from 'vitest';
import { PRESETS, presetOf } from '../../../app/src/lab/presets.ts';
import {
  addressOf,
  fieldsOf,
  parametersIn,
  parametersOf,
  recipeOf,
  type Settings,
  settingsFrom,
  valueFrom,
  valueIn,
  withValue,
} from '../../../app/src/lab/settings.ts';
import { formatRoute, parseRoute } from '../../../app/src/shell/routes.ts';

/** Read settings from the address that they make. */
function visited(settings: Settings): Settings {
  const route = parseRoute(formatRoute({ page: 'lab', settings: parametersOf(settings) }));
  if (route?.page !== 'lab') throw new Error('the address is of another page');
  return settingsFrom(route.settings).settings;
}

describe.each(PRESETS.map((preset) => [preset.id, preset] as const))('%s', (id, preset) => {
  const { settings, problems } = settingsFrom({ preset: id });

  it('is itself in the address, and nothing more', () => {
    expect(problems).toEqual([]);
    expect(formatRoute({ page: 'lab', settings: parametersOf(settings) })).toBe(`#/lab?preset=${id}`);
  });

  it('has values that its options take, and its own options exist', () => {
    for (const field of fieldsOf(settings)) {
      if (field.initial !== undefined)
        expect([field.name, field.option.adviceOn(field.initial)]).toEqual([field.name, undefined]);
    }
    const names = fieldsOf(settings).map(({ section, option }) => `${section ?? ''}.${option.key}`);
    for (const [key, value] of Object.entries(preset.options)) {
      const isSection = key === 'pretrain' || key === 'grpo';
      const own = isSection ? Object.keys(Object(value)).map((inner) => `${key}.${inner}`) : [`.${key}`];
      expect(names).toEqual(expect.arrayContaining(own));
    }
  });

  it('asks a question of its task', async () => {
    const task = await recipeTask(recipeOf(settings, null));
    expect(task.problemOf?.(preset.question).answer).toMatch(/\S/);
  });

  it('comes back from its address with any values', () => {
    const fields = fieldsOf(settings).filter(
      ({ option }) => option.type === 'number' || option.type === 'switch',
    );
    const change = fc.tuple(fc.constantFrom(...fields), fc.integer({ min: 0, max: 12 }), fc.boolean());
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 6 }),
        fc.constantFrom('auto', 'wasm', 'webgpu'),
        (changes, adapter) => {
          let changed: Settings = { ...settings, adapter };
          for (const [field, number, flag] of changes) {
            const value = field.option.type === 'switch' ? flag : number;
            if (field.option.adviceOn(value) === undefined) changed = withValue(changed, field, value);
          }
          expect(visited(changed)).toEqual(changed);
        },
      ),
      { numRuns: 40 },
    );
  });
});

it('an option with its initial value is not in the address', () => {
  const { settings } = settingsFrom({ preset: 'sums', lr: '0.003', group_size: '4' });
  expect(settings.changed).toEqual({ group_size: 4 });
  expect(parametersOf(settings)).toEqual({ preset: 'sums', group_size: '4' });
});

it('options that cannot be are left out and named', () => {
  const { settings, problems } = settingsFrom({ preset: 'sums', lr: '9', cake: 'yes', group_size: 'many' });
  expect(settings.changed).toEqual({});
  expect(problems).toEqual([
    expect.stringMatching(/^lr=9: give a number above 0 and at most 1/),
    'cake=yes: there is no such option',
    expect.stringMatching(/^group_size=many: give an integer from 2 to 4096/),
  ]);
});

it('an unknown preset is the first one', () => {
  expect(presetOf('no such preset').id).toBe('sums');
});

it('the recipe has every option, and trainers take it', () => {
  const { settings } = settingsFrom({ preset: 'sums', lr: '0.5', operators: '+,-' });
  const { kind, options } = recipeOf(settings, 'a.safetensors');
  expect(kind).toBe('grpo');
  expect(options).toMatchObject({
    task: 'arithmetic',
    checkpoint: 'a.safetensors',
    lr: 0.5,
    klEstimator: 'k3',
  });
  const trainer = fieldsOf(settings).filter(({ option }) => option.key in grpoOptions());
  expect(trainer.length).toBeGreaterThan(25);
  const scratch = recipeOf(settingsFrom({ preset: 'scratch', 'pretrain.lr': '0.25' }).settings, null);
  expect(scratch).toMatchObject({
    kind: 'pipeline',
    options: { seed: 0, pretrain: { lr: 0.25 }, grpo: { lr: 3e-3 } },
  });
});

it('a number may have a comma, and none is no value', () => {
  const [field] = fieldsOf(settingsFrom({}).settings).filter(({ name }) => name === 'lr');
  if (!field) throw new Error('there is no lr');
  expect(valueFrom('0,5', field.option)).toBe(0.5);
  expect(valueFrom('', field.option)).toBeUndefined();
  expect(field.option.adviceOn(valueFrom('fast', field.option))).toContain('give a number');
  expect(valueIn(settingsFrom({ lr: '1e-4' }).settings, field)).toBe(1e-4);
});

it('a text of settings gives their parameters, and a damaged one those of the first preset', () => {
  const { settings } = settingsFrom({ preset: 'sort', lr: '0.5', adapter: 'wasm' });
  expect(parametersIn(addressOf(settings))).toEqual({ preset: 'sort', lr: '0.5', adapter: 'wasm' });
  for (const damaged of ['', '{', 'null', '[]', '7']) {
    expect(parametersIn(damaged)).toEqual({ preset: 'sums' });
  }
});
