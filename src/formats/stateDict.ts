/** Checks the tensors of a checkpoint against its config: names, shapes, constants, finite values. */

import { architectureOf, describe, type ModelConfig } from '../model/config.ts';
import type { Constant, Parameter } from '../model/layers/layer.ts';
import type { StateTensor } from '../model/stateDict.ts';
import { CheckpointError, quoted } from './error.ts';
import type { Weight } from './open.ts';

const MAX_NAMED = 3;
/** Constants are computed in another order elsewhere, and may have been stored in half precision. */
const CONSTANT_TOLERANCE = 1e-5;
const CONSTANT_TOLERANCE_HALF = 1e-2;

/**
 * Decodes the parameters of `config`, in the order of its layers; constants, such as ALiBi slopes, are checked and dropped.
 * @throws CheckpointError if any tensor is missing, surplus, of another shape, or not finite.
 */
export function readStateDict(
  config: ModelConfig,
  weights: ReadonlyMap<string, Weight>,
): Map<string, StateTensor> {
  const { parameters, constants } = architectureOf(config).decoder(config);
  checkNamesAndShapes(config, weights, parameters, constants);
  for (const constant of constants) checkConstant(constant, weights.get(constant.name));
  const state = new Map<string, StateTensor>();
  for (const { name } of parameters) {
    const weight = weights.get(name);
    if (weight) state.set(name, { shape: weight.shape, data: finite(name, weight.read()) });
  }
  return state;
}

function checkNamesAndShapes(
  config: ModelConfig,
  weights: ReadonlyMap<string, Weight>,
  parameters: readonly Parameter[],
  constants: readonly Constant[],
): void {
  const known = new Set([...parameters, ...constants].map(({ name }) => name));
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { name, shape } of parameters) {
    const found = weights.get(name)?.shape;
    if (!found) missing.push(quoted(name));
    else if (!sameShape(found, shape)) misshapen.push(`${quoted(name)} is [${found}] instead of [${shape}]`);
  }
  const surplus = [...weights.keys()].filter((name) => !known.has(name)).map(quoted);
  const faults = [
    ...summary('missing', missing),
    ...summary('of another shape', misshapen),
    ...summary('not part of the model', surplus),
  ];
  if (faults.length === 0) return;
  const fix = `give a checkpoint of this model (${describe(config)}) or one with the right config`;
  throw new CheckpointError('TENSOR_MISMATCH', 'state_dict', faults.join('; '), fix);
}

function summary(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const rest = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return [`${names.length} ${what}: ${names.slice(0, MAX_NAMED).join(', ')}${rest}`];
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((side, axis) => side === b[axis]);
}

function checkConstant({ name, values, problem }: Constant, weight: Weight | undefined): void {
  if (!weight) return;
  const half = weight.dtype === 'F16' || weight.dtype === 'BF16';
  const tolerance = half ? CONSTANT_TOLERANCE_HALF : CONSTANT_TOLERANCE;
  const agrees =
    sameShape(weight.shape, [values.length]) &&
    weight.read().every((value, i) => Math.abs(value / (values[i] ?? 0) - 1) <= tolerance);
  if (agrees) return;
  const fix = 'give a checkpoint of a model that computes them as they were published';
  throw new CheckpointError('SLOPES_MISMATCH', quoted(name), problem, fix);
}

function finite(name: string, data: Float32Array): Float32Array {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return data;
  const fix = 'use a checkpoint from before training diverged';
  throw new CheckpointError('NON_FINITE', quoted(name), `element ${at} is ${data[at]}`, fix);
}
