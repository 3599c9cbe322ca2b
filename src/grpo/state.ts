/** What a trainer needs, besides the policy's weights, to go on as if it had never stopped. */
import { z } from 'zod';
import { MathformerError } from '../errors.ts';
import type { StateDict } from '../model/checkpoint/index.ts';
import type { OptimizerState } from '../tensor/index.ts';
import type { CurriculumState } from './curriculum.ts';

/** Where a trainer stands, as plain JSON. */
export interface GrpoProgress {
  /** Steps taken. */
  readonly step: number;
  /** Steps of its optimiser. */
  readonly optimizerSteps: number;
  /** Problems drawn, those that dynamic sampling dropped included: the next one's index. */
  readonly problems: number;
  /** The weight of the KL, which may follow a target. */
  readonly klCoef: number;
  /** Of an adaptive curriculum, if there is one. */
  readonly curriculum: CurriculumState | null;
}

const count = () => z.int().min(0);
const amount = () => z.number().min(0);

const progressSchema = z.strictObject({
  step: count(),
  optimizerSteps: count(),
  problems: count(),
  klCoef: amount(),
  curriculum: z.record(z.string(), z.strictObject({ attempts: amount(), passes: amount() })).nullable(),
}) satisfies z.ZodType<GrpoProgress>;

/** A trainer's state. The policy's weights are no part of it. */
export interface GrpoState {
  readonly progress: GrpoProgress;
  /** `optimizer.<n>` and, with a reference, `reference.<parameter>`. */
  readonly tensors: StateDict;
}

/** @throws MathformerError if a trainer never had such a state. */
export function checkedProgress(candidate: unknown): GrpoProgress {
  const parsed = progressSchema.safeParse(candidate);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badState(`${issue?.path.join('.') || 'progress'}: ${issue?.message ?? 'invalid'}`);
}

/** A part of some tensors, by the beginning of its names. */
export function withoutPrefix(prefix: string, tensors: StateDict): StateDict {
  const own = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

export function withPrefix(prefix: string, tensors: StateDict): StateDict {
  return new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor]));
}

/** The optimiser's values as tensors named by their numbers. */
export function optimizerTensors({ values }: OptimizerState): StateDict {
  return new Map(values.map((data, i) => [String(i), { shape: [data.length], data }]));
}

/** And back. */
export function optimizerValues(tensors: StateDict): OptimizerState['values'] {
  return Array.from({ length: tensors.size }, (_, i) => {
    const data = tensors.get(String(i))?.data;
    if (data instanceof Float32Array) return Float32Array.from(data);
    throw badState(`there is no optimizer.${i} of float32`);
  });
}

function badState(problem: string): MathformerError {
  return new MathformerError(problem, {
    code: 'BAD_STATE',
    where: 'restore',
    fix: 'give what `state()` of a trainer with the same options returned',
  });
}
