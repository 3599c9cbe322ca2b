import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numberFrom } from '../../../app/src/ui/numberFrom.ts';

describe('numberFrom', () => {
  it('reads every number that it is given', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const read = numberFrom(String(value), {});
        expect(read.error).toBeUndefined();
        expect('value' in read && Number(read.value)).toBe(value + 0);
      }),
    );
  });

  it.each([
    [' 3e-4 ', {}, { value: 3e-4 }],
    ['0,5', {}, { value: 0.5 }],
    ['', { optional: true }, { value: null }],
    ['', {}, { error: 'give a number, such as 0.001' }],
    ['many', { integer: true, max: 5 }, { error: 'give a number, such as 5' }],
    ['2.5', { integer: true }, { error: 'give a whole number' }],
    ['-1', { min: 0 }, { error: 'give at least 0' }],
    ['2', { max: 1 }, { error: 'give at most 1' }],
    ['Infinity', {}, { error: 'give a number, such as 0.001' }],
  ])('reads %j with %j', (text, rule, result) => expect(numberFrom(text, rule)).toEqual(result));
});
