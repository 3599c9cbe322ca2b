/** Memory of what was made for options of the same content, found without writing the options down as text. */

/** Options whose content is known: primitives, and objects and arrays of them. */
export type Options = string | number | boolean | undefined | object;

/** Results by the names and values of options, one after the other. */
class Node<Result> {
  readonly #next = new Map<unknown, Node<Result>>();
  result: Result | undefined;

  child(key: unknown): Node<Result> {
    const known = this.#next.get(key);
    if (known) return known;
    const child = new Node<Result>();
    this.#next.set(key, child);
    return child;
  }
}

/** Ends an object or array, so that what follows it is not taken for a part of it. */
const END = Symbol('end');

function find<Result>(node: Node<Result>, options: Options): Node<Result> {
  if (typeof options !== 'object') return node.child(options);
  let at = node;
  // Not by Object.entries: this runs at every launch.
  for (const name in options) at = find(at.child(name), options[name as keyof typeof options]);
  return at.child(END);
}

/**
 * Remember what `make` returned for options of each content, so that one form of a kernel is one object (and one pipeline).
 * Options are plain data: primitives, and objects and arrays of them.
 */
export function memoize<Given extends Options, Result extends object>(
  make: (options: Given) => Result,
): (options: Given) => Result {
  const made = new Node<Result>();
  return (options) => {
    const place = find(made, options);
    place.result ??= make(options);
    return place.result;
  };
}
