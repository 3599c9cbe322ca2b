/** Views of attention probabilities (layers, heads, T, T): one head, its change, its picture, its rows. */
import type { AttentionProbabilities } from 'mathformer/model';

type Attention = Pick<AttentionProbabilities, 'layers' | 'heads' | 'length' | 'probabilities'>;

/** A head by its layer and its number, both from 0. */
export interface HeadRef {
  readonly layer: number;
  readonly head: number;
}

/** A square of values: row i is token i, column j the token that it looks at. */
export interface HeadValues {
  readonly length: number;
  /** (T,T), row-major. */
  readonly values: Float32Array;
}

/** Return the probabilities of a head, as a view. */
export function headValues(
  { heads, length, probabilities }: Attention,
  { layer, head }: HeadRef,
): HeadValues {
  const size = length * length;
  const start = (layer * heads + head) * size;
  return { length, values: probabilities.subarray(start, start + size) };
}

/** Return the attention less that of another model on the same tokens. */
export function change(now: Attention, before: Attention): Attention {
  const probabilities = now.probabilities.map((value, i) => value - (before.probabilities[i] ?? 0));
  return { ...now, probabilities };
}

/** Return the largest absolute value; at least `least`, so that noise does not fill the scale. */
export function largest({ probabilities }: Attention, least = 0.01): number {
  return probabilities.reduce((most, value) => Math.max(most, Math.abs(value)), least);
}

/** List all heads, layer by layer. */
export function headsOf({ layers, heads }: Pick<Attention, 'layers' | 'heads'>): readonly HeadRef[] {
  return Array.from({ length: layers * heads }, (_, at) => ({
    layer: Math.floor(at / heads),
    head: at % heads,
  }));
}

/**
 * Shrink a square to at most `side` × `side`, by the value in each block whose absolute value is the largest: a thin line stays
 * visible.
 */
export function shrunk({ length, values }: HeadValues, side: number): HeadValues {
  if (length <= side) return { length, values };
  const small = new Float32Array(side * side);
  for (let i = 0; i < length; i++) {
    const row = Math.floor((i * side) / length) * side;
    for (let j = 0; j <= i; j++) {
      const at = row + Math.floor((j * side) / length);
      const value = values[i * length + j] ?? 0;
      if (Math.abs(value) > Math.abs(small[at] ?? 0)) small[at] = value;
    }
  }
  return { length: side, values: small };
}

/** A token that another one looks at. */
export interface LookedAt {
  readonly position: number;
  readonly text: string;
  readonly value: number;
}

/** Return the values of a row with their tokens: those that token `i` can look at. */
export function rowOf(
  { length, values }: HeadValues,
  i: number,
  texts: readonly string[],
): readonly LookedAt[] {
  return Array.from({ length: Math.min(i, length - 1) + 1 }, (_, position) => ({
    position,
    text: texts[position] ?? '',
    value: values[i * length + position] ?? 0,
  }));
}

/** Move a cell by an arrow key, Home or End; undefined for any other key. Only cells j ≤ i can be reached. */
export function movedCell(
  { i, j }: { readonly i: number; readonly j: number },
  key: string,
  length: number,
): { readonly i: number; readonly j: number } | undefined {
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    Home: [0, -length],
    End: [0, length],
  };
  const move = moves[key];
  if (!move) return undefined;
  const row = Math.min(Math.max(i + move[0], 0), length - 1);
  return { i: row, j: Math.min(Math.max(j + move[1], 0), row) };
}
