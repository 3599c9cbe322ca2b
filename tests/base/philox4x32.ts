/** Philox with its counter, key and result as lists, for tests. */
import { philox4x32Into } from '../../src/base/philox.ts';

export type PhiloxCounter = readonly [number, number, number, number];
export type PhiloxKey = readonly [number, number];

/** Return the four random words (unsigned 32-bit integers) for a counter and a key. */
export function philox4x32(counter: PhiloxCounter, key: PhiloxKey): [number, number, number, number] {
  const out = new Uint32Array(4);
  philox4x32Into(out, counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  return [out[0], out[1], out[2], out[3]];
}
