/**
 * The side that a problem belongs to: training or evaluation. The side is a hash of the canonical text alone, so no
 * seed, stream or setting can put one problem on both sides.
 */

/** The two sides. */
export type Split = 'training' | 'evaluation';

/** One problem in this many is held out for evaluation. */
export const EVALUATION_ONE_IN = 8;

/** Compute 32-bit FNV-1a over the characters, then the MurmurHash3 finaliser, as the low bits of FNV are too regular. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Return the side of a problem. @param canonical a text that is the same for equal problems. */
export function splitOfCanonical(canonical: string): Split {
  return hash(canonical) % EVALUATION_ONE_IN === 0 ? 'evaluation' : 'training';
}
