/** The exports of `mathformer/tensor` that are ops: functions that take or make tensors. */
import * as engine from '../../src/tensor/index.ts';

/** Functions that are not ops. Other tests cover them. */
const NOT_OPS = new Set([
  ...['backward', 'capture', 'checkpoint', 'customGradient', 'enableGrad', 'grad', 'noGrad', 'valueAndGrad'],
  ...['clipGradNorm', 'clipGradValue', 'refuseDivergence'],
  ...['constantWithWarmup', 'cosineWithWarmup', 'linearWithWarmup', 'stepDecayWithWarmup'],
  // On the host: what the kernels are told about rows and angles.
  ...['inverseRows', 'ropeFrequencies', 'tilesOf'],
]);

const isClass = (value: object): boolean => /^class\b/.test(Function.prototype.toString.call(value));

/** Return true if the export of this name is an op. */
export function isOp(name: string): boolean {
  const value: unknown = Object.entries(engine).find(([each]) => each === name)?.[1];
  return typeof value === 'function' && !isClass(value) && !NOT_OPS.has(name);
}
