/** The values of a pickle: Python's containers and scalars, and names, which are never executed. */

import { quoted } from '../error.ts';

/** A Python tuple; lists are arrays and dicts are Maps. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A class or function that a pickle refers to by name. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** Base of the objects that the hooks create. */
export abstract class PickleObject {
  abstract readonly kind: string;
}

/** A key of a dict. Values that are not scalars are compared by identity, as they are never looked up. */
export type PickleKey =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleGlobal
  | PickleObject;
export type PickleDict = Map<PickleKey, PickleValue>;
export type PickleValue = PickleKey | PickleValue[] | PickleDict | Set<PickleKey>;

/** Describe a Python value for messages. Containers are named, not printed. */
export function describeValue(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof PickleGlobal) return quoted(`${value.module}.${value.name}`);
  if (value instanceof PickleObject) return `a ${value.kind}`;
  if (value instanceof Map) return 'a dict';
  if (value instanceof Set) return 'a set';
  if (value instanceof PickleTuple) return 'a tuple';
  return Array.isArray(value) ? 'a list' : 'bytes';
}
