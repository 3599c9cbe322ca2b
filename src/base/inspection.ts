/** The name of the method that Node's `console.log` calls to print an object. Browsers ignore it. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');
