import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Columns } from '../../../app/src/data/columns.ts';

const metric = fc.oneof(fc.double({ noNaN: true }), fc.constant(null), fc.string());
const rows = fc.array(
  fc.dictionary(fc.constantFrom('reward', 'kl', 'entropy'), metric, { noNullPrototype: true }),
  {
    maxLength: 700,
  },
);

const filled = (values: readonly object[]): Columns => {
  const columns = new Columns();
  for (const [i, row] of values.entries()) columns.push({ ...row, phase: 'grpo', step: 2 * i });
  return columns;
};

describe('Columns', () => {
  it('keep every number at its row; all else is not measured', () => {
    fc.assert(
      fc.property(rows, (values) => {
        const columns = filled(values);
        expect(columns.length).toBe(values.length);
        for (const name of ['reward', 'kl', 'entropy']) {
          const expected = values.map((row) => (typeof row[name] === 'number' ? row[name] : Number.NaN));
          const isThere = expected.some((value) => !Number.isNaN(value));
          expect(columns.get(name) && [...(columns.get(name) ?? [])]).toEqual(isThere ? expected : undefined);
        }
      }),
    );
  });

  it('keep the first 256 metrics of a run that names new ones in every row', () => {
    const columns = filled(Array.from({ length: 1000 }, (_, i) => ({ [`made_up_${i}`]: i })));
    expect(columns.names).toHaveLength(256);
    expect(columns.length).toBe(1000);
    expect(columns.latest('step')).toBe(1998);
  });

  it('find the row of a step, or the one before it', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: -5, max: 700 }), (count, step) => {
        const columns = filled(Array.from({ length: count }, () => ({})));
        const expected = Math.min(count - 1, Math.floor(step / 2));
        expect(columns.indexOf(step)).toBe(Math.max(-1, expected));
      }),
    );
  });

  it('return a row without what was not measured, and the latest value', () => {
    const columns = filled([{ reward: 1 }, { kl: 2, reward: null }]);
    expect(columns.row(1)).toEqual({ step: 2, kl: 2 });
    expect(columns.latest('kl')).toBe(2);
    expect(columns.latest('reward')).toBeNaN();
    expect(columns.latest('nothing')).toBeNaN();
    expect(columns.names).toEqual(['reward', 'step', 'kl']);
  });
});
