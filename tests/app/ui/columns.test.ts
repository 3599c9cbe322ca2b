import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Column, sorted } from '../../../app/src/ui/columns.ts';

interface Row {
  readonly value: number | string | null;
}

const columns: readonly Column<Row>[] = [
  { key: 'value', header: '', cell: () => '', sortValue: ({ value }) => value },
  { key: 'fixed', header: '', cell: () => '' },
];
const values = (rows: readonly Row[]): readonly Row['value'][] => rows.map(({ value }) => value);

describe('sorted', () => {
  it('puts numbers in order, both ways, and what is missing last', () => {
    const missing = fc.constantFrom(null, Number.NaN);
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer(), missing)), fc.boolean(), (numbers, descending) => {
        const rows = numbers.map((value) => ({ value }));
        const order = values(sorted(rows, columns, { key: 'value', descending }));
        const measured = numbers.filter((value) => value !== null && !Number.isNaN(value)).map(Number);
        const expected = measured.sort((a, b) => (descending ? b - a : a - b));
        expect(order.slice(0, measured.length)).toEqual(expected);
        expect(order).toHaveLength(numbers.length);
      }),
    );
  });

  it('puts texts in the order of people, and leaves rows of other columns as they are', () => {
    const rows = ['step10', 'step9', 'Step1'].map((value) => ({ value }));
    expect(values(sorted(rows, columns, { key: 'value', descending: false }))).toEqual([
      'Step1',
      'step9',
      'step10',
    ]);
    expect(sorted(rows, columns, { key: 'fixed', descending: true })).toBe(rows);
    expect(sorted(rows, columns, undefined)).toBe(rows);
  });
});
