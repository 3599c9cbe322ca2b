/** The facts of a run in its config.json, for a list of runs. */
import { isRecord } from '../base/arguments.ts';
import { describe, MODEL_SIZES, type ModelConfig, shapeOf, validateModelConfig } from '../model/config.ts';
import { parameterShapes } from '../model/stateDict.ts';
import type { RunConfig, RunKind } from './runConfig.ts';
import type { RunListing } from './runListing.ts';

/** The fields of a listing that config.json says. */
export type ConfiguredFields = Pick<
  RunListing,
  'kind' | 'task' | 'startedAt' | 'parameters' | 'model' | 'adapter' | 'seed' | 'options'
>;

/** The fields of a run without a readable config. */
export const NO_CONFIG: ConfiguredFields = {
  kind: null,
  task: null,
  startedAt: null,
  parameters: null,
  model: null,
  adapter: null,
  seed: null,
  options: {},
};

/** Return what config.json says of a run. */
export function configuredFields({
  kind,
  options,
  adapter,
  startedAt,
  model: candidate,
}: RunConfig): ConfiguredFields {
  const model = modelOf(candidate);
  return {
    kind,
    task: taskOf(kind, options),
    startedAt: timeOf(startedAt),
    parameters: model ? parameterCount(model) : null,
    model: model ? nameOf(model) : null,
    adapter: adapter?.description ?? null,
    seed: typeof options.seed === 'number' ? options.seed : null,
    options,
  };
}

/** Name the task. A pipeline is on arithmetic. */
function taskOf(kind: RunKind, { task }: RunConfig['options']): string | null {
  if (typeof task === 'string') return task;
  return kind === 'pipeline' ? 'arithmetic' : null;
}

function timeOf(value: unknown): string | null {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : null;
}

function modelOf(candidate: unknown): ModelConfig | undefined {
  try {
    return validateModelConfig(candidate);
  } catch {
    return undefined;
  }
}

function parameterCount(model: ModelConfig): number {
  const sizes = [...parameterShapes(model).values()].map((shape) => shape.reduce((a, b) => a * b, 1));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Name a model by its size, and its shape if that is not the usual one: `tiny`, `tiny llama`. */
function nameOf(model: ModelConfig): string {
  const fields = new Map<string, unknown>(Object.entries(model));
  const isOf = (sizes: object): boolean => Object.entries(sizes).every(([name, n]) => fields.get(name) === n);
  const size = Object.entries(MODEL_SIZES).find(([, sizes]) => isOf(sizes))?.[0];
  const shape = shapeOf(model);
  if (size === undefined || shape === undefined) return describe(model);
  return shape === 'mathformer' ? size : `${size} ${shape}`;
}

/** Return the number of steps that a phase has by the options; null if they do not say. */
export function plannedSteps({ kind, options }: ConfiguredFields, phase: string | null): number | null {
  const inPipeline = phase === null ? undefined : options[phase];
  const section = kind === 'pipeline' ? inPipeline : options;
  if (phase === null || !isRecord(section)) return null;
  const { steps, numExamples, batchSize } = section;
  if (typeof steps !== 'number') return null;
  if (phase === 'grpo') return steps;
  // The steps of pretraining are passes over the examples.
  if (typeof numExamples !== 'number' || typeof batchSize !== 'number') return null;
  return steps * Math.ceil(numExamples / batchSize);
}
