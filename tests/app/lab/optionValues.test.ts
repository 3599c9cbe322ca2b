import { expect, it } from 'vitest';
import { draftProblems } from '../../../app/src/lab/optionValues.ts';
import { fieldsOf, settingsFrom } from '../../../app/src/lab/settings.ts';

const { settings } = settingsFrom({ preset: 'sums' });

it('asks for numbers where fields are empty or hold none, and takes those that are good', () => {
  const problems = draftProblems(settings, { lr: '', steps: ' ', batch_size: 'many', seed: '7' });
  expect([...problems.keys()].sort()).toEqual(['batch_size', 'lr', 'steps']);
  expect(problems.get('steps')).toBe('give a number, such as 1000');
});

it('lets a number be left out that depends on other options', () => {
  const field = fieldsOf(settings).find(({ option }) => option.key === 'clipRatio');
  expect(field).toMatchObject({ name: 'clip_ratio', option: { type: 'number', default: undefined } });
  expect(draftProblems(settings, { clip_ratio: '' }).size).toBe(0);
});
