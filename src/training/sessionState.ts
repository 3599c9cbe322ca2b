/** The state of a session besides its trainer's: part of every checkpoint, so that another session can resume. */
import { z } from 'zod';

const totalsSchema = z.strictObject({
  /** Steps taken. */
  steps: z.int().min(0),
  tokens: z.number().min(0),
  /** Seconds spent in steps, without saving and evaluating. */
  seconds: z.number().min(0),
});

const resultSchema = z.strictObject({
  ...totalsSchema.shape,
  tokensPerSecond: z.number().min(0),
  /** The path of the last checkpoint of the phase; null if a stop came before the first step. */
  checkpoint: z.string().nullable(),
});

/** Checks a state that was read. */
export const stateSchema = z.strictObject({
  phase: z.enum(['pretrain', 'grpo']),
  totals: totalsSchema,
  /** Rows of the metrics up to here. */
  rows: z.int().min(0),
  /** Results of the phases that are over. */
  finished: z.strictObject({ pretrain: resultSchema.optional(), grpo: resultSchema.optional() }),
});

/** The state that a session saves. */
export type SessionState = Readonly<z.output<typeof stateSchema>>;

/** A phase of training: supervised, or by GRPO. */
export type PhaseName = SessionState['phase'];

/** Sums over the steps of a phase so far. */
export type Totals = Readonly<z.output<typeof totalsSchema>>;

/** The result of a phase. */
export type PhaseResult = Readonly<z.output<typeof resultSchema>>;

/** Names of the checkpoints that hold the model that training begins with, by phase. */
export const START_NAMES = { pretrain: 'model_update0', grpo: 'rl_model_step0' } as const;
