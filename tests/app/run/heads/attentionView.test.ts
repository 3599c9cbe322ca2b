/** Views of attention, against their definitions. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  change,
  headsOf,
  headValues,
  largest,
  movedCell,
  rowOf,
  shrunk,
} from '../../../../app/src/run/heads/attentionView.ts';

const attention = fc
  .record({
    layers: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    length: fc.integer({ min: 1, max: 12 }),
  })
  .chain(({ layers, heads, length }) => {
    const count = layers * heads * length * length;
    return fc
      .array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: count, maxLength: count })
      .map((values) => ({ layers, heads, length, probabilities: Float32Array.from(values) }));
  });

it('a head is its part of all probabilities', () => {
  fc.assert(
    fc.property(attention, (all) => {
      const joined = headsOf(all).flatMap((head) => [...headValues(all, head).values]);
      expect(joined).toEqual([...all.probabilities]);
    }),
  );
});

it('a change is zero against itself, and its largest value has a floor', () => {
  fc.assert(
    fc.property(attention, (all) => {
      const none = change(all, all);
      expect(none.probabilities.every((value) => value === 0)).toBe(true);
      expect(largest(none)).toBe(0.01);
      expect(largest(all, 0)).toBe(Math.max(...all.probabilities));
    }),
  );
});

it('a smaller picture keeps the largest value, with its sign, in its place', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 40 }),
      fc.integer({ min: 1, max: 12 }),
      fc.nat(),
      fc.boolean(),
      (length, side, at, negative) => {
        const i = at % length;
        const j = Math.floor(i / 2);
        const values = new Float32Array(length * length);
        const peak = negative ? -0.5 : 0.5;
        values[i * length + j] = peak;
        const small = shrunk({ length, values }, side);
        expect(small.length).toBe(Math.min(length, side));
        const [row, column] = [i, j].map((place) => Math.floor((place * small.length) / length));
        expect(small.values[(row ?? 0) * small.length + (column ?? 0)]).toBe(peak);
        expect(small.values.filter((value) => value !== 0)).toHaveLength(1);
      },
    ),
  );
});

it('a row has the tokens up to its own', () => {
  const values = Float32Array.of(1, 0, 0, 0.25, 0.75, 0, 0.5, 0.25, 0.25);
  expect(rowOf({ length: 3, values }, 1, ['a', ' ', 'c'])).toEqual([
    { position: 0, text: 'a', value: 0.25 },
    { position: 1, text: ' ', value: 0.75 },
  ]);
});

it('keys move within the triangle that a token can see', () => {
  const key = fc.constantFrom('ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'Home', 'End');
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(key), (length, keys) => {
      const end = keys.reduce((cell, each) => movedCell(cell, each, length) ?? cell, { i: 0, j: 0 });
      expect(end.i).toBeLessThan(length);
      expect(end.j).toBeLessThanOrEqual(end.i);
      expect(Math.min(end.i, end.j)).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(movedCell({ i: 2, j: 1 }, 'ArrowRight', 4)).toEqual({ i: 2, j: 2 });
  expect(movedCell({ i: 2, j: 1 }, 'Enter', 4)).toBeUndefined();
});
