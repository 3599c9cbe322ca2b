/** Results are found by the content of options. */
import { expect, test } from 'vitest';
import { memoize } from '../../src/gpu/memoize.ts';

test('options of the same content give the same result, and make it once', () => {
  const seen: unknown[] = [];
  const make = memoize((options: object) => {
    seen.push(options);
    return {};
  });
  const first = make({ rows: 4, reads: [{ type: 'f32', repeats: false }], name: 'a' });
  expect(make({ rows: 4, reads: [{ type: 'f32', repeats: false }], name: 'a' })).toBe(first);
  expect(seen).toHaveLength(1);
});

test.each<[string, unknown, unknown]>([
  ['a value', { rows: 4 }, { rows: 8 }],
  ['a name', { rows: 4 }, { columns: 4 }],
  ['the kind of a value', { rows: 4 }, { rows: '4' }],
  ['a value that is missing', { rows: 4, bias: undefined }, { rows: 4 }],
  ['values that change places', { rows: 4, columns: 8 }, { rows: 8, columns: 4 }],
  ['where an array ends', { a: ['x', 'y'], b: [] }, { a: ['x'], b: ['y'] }],
  ['where an object ends', { a: { b: 1, c: 2 } }, { a: { b: 1 }, c: 2 }],
  ['text that looks like two values', { a: 'x|y', b: 'z' }, { a: 'x', b: 'y|z' }],
  ['a primitive', true, false],
])('%s tells options apart', (_, a, b) => {
  const make = memoize((_options: object | boolean) => ({}));
  expect(make(a as object)).not.toBe(make(b as object));
  expect(make(a as object)).toBe(make(a as object));
});
