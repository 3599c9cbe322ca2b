/** Holds the tensors of a checkpoint against its config: names, shapes, ALiBi slopes, finite values. */

import { alibiSlopes, describe, type ModelConfig, parameterShapes } from '../model/config.ts';
import { CheckpointError, quoted } from './error.ts';
import type { Weight } from './open.ts';

/** A parameter: row-major float32 data, `data.length` = product of `shape`. */
export interface StateTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Weights by their names in a checkpoint. */
export type StateDict = ReadonlyMap<string, StateTensor>;

const MAX_NAMED = 3;
/** Slopes are computed in another order by the original, and may have been stored in half precision. */
const SLOPE_TOLERANCE = 1e-5;
const SLOPE_TOLERANCE_HALF = 1e-2;

/**
 * Decodes the parameters of `config`, in the order of `parameterShapes`; ALiBi slopes are checked and dropped.
 * Throws `CheckpointError` if any tensor is missing, surplus, of another shape, or not finite.
 */
export function readStateDict(
  config: ModelConfig,
  weights: ReadonlyMap<string, Weight>,
): Map<string, StateTensor> {
  const slopes = slopeNames(config);
  checkNamesAndShapes(config, weights, slopes);
  checkSlopes(config, weights, slopes);
  const state = new Map<string, StateTensor>();
  for (const name of parameterShapes(config).keys()) {
    const weight = weights.get(name);
    if (weight) state.set(name, { shape: weight.shape, data: finite(name, weight.read()) });
  }
  return state;
}

function slopeNames({ nLayers }: ModelConfig): ReadonlySet<string> {
  return new Set(Array.from({ length: nLayers }, (_, layer) => `blocks.${layer}.alibi_slopes`));
}

function checkNamesAndShapes(
  config: ModelConfig,
  weights: ReadonlyMap<string, Weight>,
  slopes: ReadonlySet<string>,
): void {
  const expected = parameterShapes(config);
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [name, shape] of expected) {
    const found = weights.get(name)?.shape;
    if (!found) missing.push(quoted(name));
    else if (!sameShape(found, shape)) misshapen.push(`${quoted(name)} is [${found}] instead of [${shape}]`);
  }
  const surplus = [...weights.keys()].filter((name) => !expected.has(name) && !slopes.has(name)).map(quoted);
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

function checkSlopes(
  { nHeads }: ModelConfig,
  weights: ReadonlyMap<string, Weight>,
  names: ReadonlySet<string>,
): void {
  const expected = alibiSlopes(nHeads);
  for (const name of names) {
    const weight = weights.get(name);
    if (!weight) continue;
    const tolerance =
      weight.dtype === 'F16' || weight.dtype === 'BF16' ? SLOPE_TOLERANCE_HALF : SLOPE_TOLERANCE;
    const agrees =
      sameShape(weight.shape, [nHeads]) &&
      weight.read().every((slope, head) => Math.abs(slope / (expected[head] ?? 0) - 1) <= tolerance);
    if (agrees) continue;
    const problem = `the slopes are not those of ${nHeads} ALiBi heads`;
    const fix = 'give a checkpoint of a model that uses the published ALiBi slopes';
    throw new CheckpointError('SLOPES_MISMATCH', quoted(name), problem, fix);
  }
}

function finite(name: string, data: Float32Array): Float32Array {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return data;
  const problem = `element ${at} is ${data[at]}`;
  throw new CheckpointError(
    'NON_FINITE',
    quoted(name),
    problem,
    'use a checkpoint from before training diverged',
  );
}
