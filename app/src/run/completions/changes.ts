/** The difference between two completions, word by word. */

/** A piece of a text, and its part in the change. */
export interface Piece {
  readonly text: string;
  readonly change: 'same' | 'removed' | 'added';
}

/** Longer texts are compared at their ends alone: the table of a comparison grows with the product of the lengths. */
const MOST_CELLS = 1_000_000;

/** Split a text into numbers, words, white space and signs. Joined they are the text. */
export const wordsOf = (text: string): string[] => text.match(/\d+|\p{L}+|\s+|[^\d\p{L}\s]/gu) ?? [];

/**
 * Compare two texts: `same` and `removed` pieces joined are the first, `same` and `added` the second. As many words as can be
 * are the same (longest common subsequence).
 */
export function changes(first: string, second: string): Piece[] {
  const [a, b] = [wordsOf(first), wordsOf(second)];
  const start = commonLength(a, b);
  const end = commonLength(a.slice(start).reverse(), b.slice(start).reverse());
  const [middleA, middleB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  return joined([
    ...a.slice(0, start).map(same),
    ...(middleA.length * middleB.length > MOST_CELLS
      ? [...middleA.map(removed), ...middleB.map(added)]
      : compared(middleA, middleB)),
    ...a.slice(a.length - end).map(same),
  ]);
}

const same = (text: string): Piece => ({ text, change: 'same' });
const removed = (text: string): Piece => ({ text, change: 'removed' });
const added = (text: string): Piece => ({ text, change: 'added' });

function commonLength(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function compared(a: readonly string[], b: readonly string[]): Piece[] {
  const width = b.length + 1;
  // common[i·width + j]: length of the longest common subsequence of a from i and b from j.
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pieces: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [mine = '', other = ''] = [a[i], b[j]];
    if (i < a.length && j < b.length && mine === other) {
      pieces.push(same(mine));
      i++;
      j++;
    } else if (j === b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      pieces.push(removed(mine));
      i++;
    } else {
      pieces.push(added(other));
      j++;
    }
  }
  return pieces;
}

/** Join neighbours of one kind. */
function joined(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    if (last?.change === piece.change) result[result.length - 1] = { ...last, text: last.text + piece.text };
    else result.push(piece);
  }
  return result;
}
