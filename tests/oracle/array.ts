/**
 * The float64 reference in one import: arrays with reverse-mode gradients, and every op on them.
 *
 *     const x = parameter([1, 2, 3]);
 *     backward(sum(mul(x, x)));   // x.grad is [2, 4, 6]
 */
export * from './array64.ts';
export * from './elementwise.ts';
export { broadcastShapes, coordinates, normalizeAxis } from './indexing.ts';
export * from './linear.ts';
export * from './movement.ts';
export * from './reduce.ts';
export * from './scan.ts';
