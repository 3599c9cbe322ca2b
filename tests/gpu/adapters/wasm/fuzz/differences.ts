/** Compares the contents of bindings, value by value. */

import { decode, type Value } from './layout.ts';
import type { Program, Type } from './program.ts';
import type { Contents } from './run.ts';

/** Return the first value that differs, with its place, or undefined. NaNs are equal, whatever their bits. */
export function firstDifference(program: Program, expected: Contents, found: Contents): string | undefined {
  for (const { name, type, binding } of program.variables) {
    if (binding === undefined) continue;
    const [wanted, got] = [expected, found].map((contents) => contents.get(binding));
    if (!wanted || !got) return `${name} has no contents`;
    const difference = differs(name, type, decode(type, viewOf(wanted)), decode(type, viewOf(got)));
    if (difference) return difference;
  }
  return undefined;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

function differs(path: string, type: Type, expected: Value, found: Value): string | undefined {
  if (typeof expected === 'object' && typeof found === 'object') {
    if (expected.length !== found.length) return `${path} has ${found.length} items, not ${expected.length}`;
    for (let i = 0; i < expected.length; i++) {
      const inner = type.kind === 'struct' ? type.members[i].type : type.kind === 'array' ? type.of : type;
      const name = type.kind === 'struct' ? `${path}.${type.members[i].name}` : `${path}[${i}]`;
      const difference = differs(name, inner, expected[i], found[i]);
      if (difference) return difference;
    }
    return undefined;
  }
  return Object.is(expected, found) ? undefined : `${path} is ${text(found)}, not ${text(expected)}`;
}

const text = (of: Value): string => (Object.is(of, -0) ? '-0' : String(of));
