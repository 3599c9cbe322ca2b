/** Describes a checkpoint, also one that cannot be loaded: a diverged model is worth a look. */
import type { ModelConfig } from '../model/config.ts';
import { MemoryBudget } from './budget.ts';
import { findConfig } from './configSource.ts';
import { CheckpointError, withCheckpointErrors } from './error.ts';
import {
  type HuggingFaceModel,
  huggingFaceConfig,
  readHuggingFace,
  weightFiles,
} from './huggingFace/index.ts';
import { readCheckpoint } from './index.ts';
import { openCheckpoint, type Weight } from './open.ts';

/** The values of a tensor; null where it has no finite one. */
export interface TensorStatistics {
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Standard deviation, of the finite values as a whole (divided by their number). */
  readonly std: number | null;
  /** Number of values that are NaN or infinite, as float32. */
  readonly nonFinite: number;
}

/** A tensor of a file. */
export interface TensorSummary {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Null for tensors that do not hold floating-point numbers. */
  readonly statistics: TensorStatistics | null;
}

/** The content of a checkpoint. */
export interface Inspection {
  readonly format: string;
  /** Null if the file does not tell. */
  readonly config: ModelConfig | null;
  /** Reason that it cannot be loaded as a model; null if it can. */
  readonly problem: string | null;
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of the file. */
  readonly tensors: readonly TensorSummary[];
}

/** Inspects a file of any format of `readCheckpoint`. Throws `CheckpointError` if it is none, or damaged. */
export function inspectCheckpoint(bytes: Uint8Array, name: string): Inspection {
  return withCheckpointErrors(name, () => {
    const opened = openCheckpoint(bytes, new MemoryBudget(bytes.length));
    return {
      format: opened.format,
      config: attempt(() => findConfig(opened, {})).result,
      problem: attempt(() => readCheckpoint(bytes, name)).problem,
      metadata: opened.metadata,
      tensors: summaries(opened.weights),
    };
  });
}

/** Inspects a Hugging Face directory. Throws `CheckpointError` if its `model.safetensors` is damaged. */
export function inspectHuggingFace(model: HuggingFaceModel, name: string): Inspection {
  const files = weightFiles(model).map((bytes) => inspectCheckpoint(bytes, name));
  return {
    metadata: new Map(files.flatMap(({ metadata }) => [...metadata])),
    tensors: files.flatMap(({ tensors }) => tensors),
    format: 'hugging-face',
    config: attempt(() => huggingFaceConfig(model, name)).result,
    problem: attempt(() => readHuggingFace(model, name)).problem,
  };
}

/** Return the result of reading something, or the problem. */
function attempt<Result>(work: () => Result) {
  try {
    return { result: work(), problem: null };
  } catch (error) {
    if (error instanceof CheckpointError) return { result: null, problem: error.message };
    throw error;
  }
}

function summaries(weights: ReadonlyMap<string, Weight>): TensorSummary[] {
  return [...weights].map(([name, weight]) => {
    const { dtype, shape } = weight;
    return { name, dtype, shape, statistics: statisticsOf(weight) };
  });
}

function statisticsOf(weight: Weight): TensorStatistics | null {
  let values: Float32Array;
  try {
    values = weight.read();
  } catch (error) {
    if (error instanceof CheckpointError && error.code === 'WRONG_DTYPE') return null;
    throw error;
  }
  let [count, min, max, sum] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    count++;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const nonFinite = values.length - count;
  if (count === 0) return { min: null, max: null, mean: null, std: null, nonFinite };
  const mean = sum / count;
  let squares = 0;
  // From the mean, as the difference of two large sums would lose the digits.
  for (const value of values) if (Number.isFinite(value)) squares += (value - mean) * (value - mean);
  return { min, max, mean, std: Math.sqrt(squares / count), nonFinite };
}
