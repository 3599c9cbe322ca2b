/** Bits of numbers, and lanes of constant vectors. */
const view = new DataView(new ArrayBuffer(4));

/** Return the bits of a number as f32. */
export function bitsOf(value: number): number {
  view.setFloat32(0, value);
  return view.getInt32(0);
}

/** Return the f32 of these bits. */
export function floatOf(bits: number): number {
  view.setInt32(0, bits);
  return view.getFloat32(0);
}

/** Four numbers of 0 to 7, lanes of two vectors, in one number: three bits each, the lowest first. */
export const packLanes = (lanes: readonly number[]): number =>
  lanes.reduce((sum, lane, i) => sum | (lane << (3 * i)), 0);

/** Return the four numbers of `packLanes`. */
export const unpackLanes = (code: number): number[] => [0, 3, 6, 9].map((shift) => (code >> shift) & 7);
