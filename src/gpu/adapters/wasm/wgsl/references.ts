/** Questions about references. */
import type { Reference, Variable } from './tree.ts';

/** Return the variable that a reference is in. */
export function rootOf(reference: Reference): Variable {
  let root = reference;
  while (root.kind !== 'variable') root = root.base;
  return root.variable;
}

/** Return true if the shader may write what a reference refers to. */
export function isWritable(reference: Reference): boolean {
  const { space, writable } = rootOf(reference);
  return space === 'storage' ? writable === true : space !== 'value' && space !== 'uniform';
}
