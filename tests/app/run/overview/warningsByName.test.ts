import { expect, it } from 'vitest';
import { warningsByName } from '../../../../app/src/run/overview/warningsByName.ts';

const warning = (step: number, name: string) => ({ step, name, problem: `${name} at ${step}`, fix: '' });

it('warnings of one name stand together, the latest first', () => {
  const named = warningsByName([warning(5, 'kl'), warning(9, 'truncation'), warning(105, 'kl')]);
  expect(named.map(({ name, first, latest, count }) => [name, first.step, latest.step, count])).toEqual([
    ['kl', 5, 105, 2],
    ['truncation', 9, 9, 1],
  ]);
});
