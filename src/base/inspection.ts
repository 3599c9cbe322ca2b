/** How objects are printed: Node's `console.log` asks for a method by this symbol; browsers ignore it. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');
