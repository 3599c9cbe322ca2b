/** Deep copies of the arguments of rewards, so that a reward cannot change what is trained on, logged or passed on. */

/**
 * Return a deep copy of plain objects, arrays and the built-in containers; cycles are kept. Functions and instances of
 * other classes are shared, as their private state cannot be copied.
 */
export function deepCopy<Value>(value: Value, copies = new Map<unknown, unknown>()): Value {
  if (typeof value !== 'object' || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known as Value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value) || prototype === Object.prototype || prototype === null) {
    const copy = Array.isArray(value) ? [] : Object.create(prototype as object | null);
    copies.set(value, copy);
    for (const [key, part] of Object.entries(value)) copy[key] = deepCopy(part, copies);
    return copy as Value;
  }
  if (value instanceof Map) {
    const entries = [...value].map(([key, part]) => [deepCopy(key, copies), deepCopy(part, copies)] as const);
    return new Map(entries) as Value;
  }
  if (value instanceof Set) return new Set([...value].map((part) => deepCopy(part, copies))) as Value;
  const isData = value instanceof Date || ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
  return isData ? structuredClone(value) : value;
}
