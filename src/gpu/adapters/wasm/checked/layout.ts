/** Words of types: in registers one after another, in memory where WGSL's alignment puts them. */
import type { Type } from '../wgsl/tree.ts';

/** Return the size of a type in bytes. A runtime-sized array counts as empty. */
export function sizeOf(type: Type): number {
  switch (type.kind) {
    case 'scalar':
    case 'atomic':
      return 4;
    case 'vector':
      return 4 * type.size;
    case 'array':
      return (type.length ?? 0) * type.stride;
    case 'struct':
      return type.size;
  }
}

/** Return the word offsets in memory of the words of a value. */
export function memoryWords(type: Type, from = 0): number[] {
  switch (type.kind) {
    case 'scalar':
    case 'atomic':
      return [from];
    case 'vector':
      return Array.from({ length: type.size }, (_, component) => from + component);
    case 'array':
      return Array.from({ length: type.length ?? 0 }, (_, i) => i).flatMap((i) =>
        memoryWords(type.of, from + (i * type.stride) / 4),
      );
    case 'struct':
      return type.members.flatMap((member) => memoryWords(member.type, from + member.offset / 4));
  }
}

/** Return the number of words of a value in a register. */
export function wordsOf(type: Type): number {
  switch (type.kind) {
    case 'scalar':
    case 'atomic':
      return 1;
    case 'vector':
      return type.size;
    case 'array':
      return (type.length ?? 0) * wordsOf(type.of);
    case 'struct':
      return type.members.reduce((sum, member) => sum + wordsOf(member.type), 0);
  }
}

/** Return the word of a register at which a member of a struct begins. */
export function wordOfMember(type: Type, member: number): number {
  if (type.kind !== 'struct') throw new Error(`a ${type.kind} has no members`);
  return type.members.slice(0, member).reduce((sum, before) => sum + wordsOf(before.type), 0);
}

/** Return what indexing a type needs: the element, the number of elements, and the bytes from one to the next. */
export function elementsOf(type: Type): {
  readonly of: Type;
  readonly length: number | undefined;
  readonly stride: number;
} {
  if (type.kind === 'array') return type;
  if (type.kind === 'vector') return { of: { kind: 'scalar', of: type.of }, length: type.size, stride: 4 };
  throw new Error(`a ${type.kind} cannot be indexed`);
}
