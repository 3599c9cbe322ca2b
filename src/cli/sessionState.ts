/** Where a session of training stands besides its trainer: part of every checkpoint, so that another one can go on. */
import { join } from 'node:path';
import { z } from 'zod';
import { type CheckpointEntry, Checkpoints, type TrainingCheckpoint } from '../runs/checkpoints.ts';
import { FileError } from '../runs/fileError.ts';

/** The two kinds of training, in the order in which a pipeline has them. */
export const PHASES = ['pretrain', 'grpo'] as const;
export type PhaseName = (typeof PHASES)[number];

const totalsSchema = z.strictObject({
  /** Steps taken. */
  steps: z.int().min(0),
  tokens: z.number().min(0),
  /** Spent in steps, without saving and evaluating. */
  seconds: z.number().min(0),
});

const resultSchema = z.strictObject({
  ...totalsSchema.shape,
  tokensPerSecond: z.number().min(0),
  /** The last checkpoint of the phase; null if a stop came before the first step. */
  checkpoint: z.string().nullable(),
});

const stateSchema = z.strictObject({
  phase: z.enum(PHASES),
  totals: totalsSchema,
  /** Rows of the metrics up to here. */
  rows: z.int().min(0),
  finished: z.strictObject({ pretrain: resultSchema.optional(), grpo: resultSchema.optional() }),
});

/** What a phase took so far. */
export type Totals = Readonly<z.output<typeof totalsSchema>>;
/** What a phase came to. */
export type PhaseResult = Readonly<z.output<typeof resultSchema>>;
export type SessionState = Readonly<z.output<typeof stateSchema>>;

/** A checkpoint that a run goes on from. */
export interface ResumePoint extends TrainingCheckpoint, CheckpointEntry {
  readonly session: SessionState;
}

/**
 * The last checkpoint of a run, or undefined if it has none yet.
 * @param onDamage told of checkpoints that are not what was saved; an earlier one is taken then.
 * @throws FileError
 */
export function resumePoint(
  directory: string,
  onDamage: (error: FileError) => void,
): ResumePoint | undefined {
  const path = join(directory, 'checkpoints');
  const found = new Checkpoints(path).latest(onDamage);
  if (!found) return undefined;
  const { data, error } = stateSchema.safeParse(found.session);
  if (data) return { ...found, session: data };
  const problem = `session.${error.issues[0]?.path.join('.')} is not what a session saves`;
  throw new FileError('DAMAGED', join(path, `${found.name}.json`), problem, 'begin a new run');
}
