/** Compare completions of the same item to the bit. */
import type { Completion } from '../../model/completions.ts';

/** Name the first place where completions differ; undefined if all their bits are the same. */
export function firstDifference(
  found: readonly Completion[],
  expected: readonly Completion[],
): string | undefined {
  if (found.length !== expected.length) return `it has ${found.length} completions, not ${expected.length}`;
  for (const [i, one] of found.entries()) {
    const other = expected[i];
    const what = other && differenceOf(one, other);
    if (what !== undefined) return `completion ${i} has ${what}`;
  }
  return undefined;
}

function differenceOf(a: Completion, b: Completion): string | undefined {
  const token = a.tokens.findIndex((id, t) => id !== b.tokens[t]);
  if (token >= 0) return `another token at ${token}`;
  if (a.tokens.length !== b.tokens.length || a.finished !== b.finished) return 'another length';
  if (!sameWords(wordsOf(a.logps), wordsOf(b.logps))) return 'other log-probabilities';
  if (!sameWords(a.kept ?? new Uint32Array(), b.kept ?? new Uint32Array())) return 'other kept ids';
  return undefined;
}

const wordsOf = ({ buffer, byteOffset, length }: Float32Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length);

const sameWords = (a: Uint32Array, b: Uint32Array): boolean =>
  a.length === b.length && a.every((word, i) => word === b[i]);
