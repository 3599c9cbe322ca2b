/** The difference between two completions. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changes, wordsOf } from '../../../../app/src/run/completions/changes.ts';

const texts = fc
  .array(fc.constantFrom('12', '+', ' ', '3', 'a', '=', '€'), { maxLength: 12 })
  .map((parts) => parts.join(''));
const side = (pieces: ReturnType<typeof changes>, without: 'added' | 'removed'): string =>
  pieces
    .filter(({ change }) => change !== without)
    .map(({ text }) => text)
    .join('');

describe('changes', () => {
  test('a worked example: one number is another, one step is new', () => {
    expect(changes('3+4=8', '3+4=7;7+1')).toEqual([
      { text: '3+4=', change: 'same' },
      { text: '8', change: 'removed' },
      { text: '7;7+1', change: 'added' },
    ]);
  });

  test('equal texts have no change, and nothing has no pieces', () => {
    expect(changes('1 + 2', '1 + 2')).toEqual([{ text: '1 + 2', change: 'same' }]);
    expect(changes('', '')).toEqual([]);
  });

  test('the pieces are both texts, and as many words as can be are the same', () => {
    fc.assert(
      fc.property(texts, texts, (first, second) => {
        const pieces = changes(first, second);
        expect(side(pieces, 'added')).toBe(first);
        expect(side(pieces, 'removed')).toBe(second);
        const kept = pieces.filter(({ change }) => change === 'same').flatMap(({ text }) => wordsOf(text));
        expect(kept).toHaveLength(longestCommon(wordsOf(first), wordsOf(second)));
      }),
    );
  });

  test('any text is put together again, control characters and broken surrogates too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (first, second) => {
        const pieces = changes(first, second);
        expect(side(pieces, 'added')).toBe(first);
        expect(side(pieces, 'removed')).toBe(second);
      }),
    );
  });

  test('long texts that share nothing are compared at their ends alone', () => {
    const [first, second] = ['1+'.repeat(2000), 'a-'.repeat(2000)];
    expect(changes(first, second).map(({ change }) => change)).toEqual(['removed', 'added']);
  });
});

/** Length of the longest common subsequence, by its definition. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  const [head, ...rest] = a;
  if (head === undefined || b.length === 0) return 0;
  const without = longestCommon(rest, b);
  const at = b.indexOf(head);
  return at < 0 ? without : Math.max(without, 1 + longestCommon(rest, b.slice(at + 1)));
}
