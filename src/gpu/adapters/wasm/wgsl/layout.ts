/** Sizes and alignments of types in memory (WGSL section 14.4.1). */
import type { Type } from './tree.ts';

/** Bytes that a type takes, and the multiple at which it stands. */
export interface Sizes {
  readonly size: number;
  readonly align: number;
}

const SCALAR: Sizes = { size: 4, align: 4 };
const VECTOR: Readonly<Record<2 | 3 | 4, Sizes>> = {
  2: { size: 8, align: 8 },
  3: { size: 12, align: 16 },
  4: { size: 16, align: 16 },
};

/** Return size and alignment of a type. A bool takes 4 bytes. A runtime-sized array has the size of its first element. */
export function sizes(type: Type): Sizes {
  switch (type.kind) {
    case 'scalar':
    case 'atomic':
      return SCALAR;
    case 'vector':
      return VECTOR[type.size];
    case 'array':
      return { size: (type.length ?? 1) * type.stride, align: sizes(type.of).align };
    case 'struct':
      return type;
    default:
      return type satisfies never;
  }
}
