/**
 * Which side an expression belongs to: training or evaluation. The side is a hash of the canonical text alone, so
 * no seed, stream or setting can put one expression on both sides, whatever its spaces and redundant parentheses.
 */

import { type Expression, print } from './expression.ts';

/** The two sides. */
export type Split = 'training' | 'evaluation';

/** One expression in this many is held back for evaluation. */
export const EVALUATION_ONE_IN = 8;

/** 32-bit FNV-1a over the characters, then the MurmurHash3 finaliser: the low bits of FNV alone are too regular. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The side of a canonical text (as `print(tree)` gives it). */
export function splitOfCanonical(canonical: string): Split {
  return hash(canonical) % EVALUATION_ONE_IN === 0 ? 'evaluation' : 'training';
}

/** The side of a tree. */
export function splitOf(tree: Expression): Split {
  return splitOfCanonical(print(tree));
}
