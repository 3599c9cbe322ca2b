/** Where a session of training stands besides its trainer: part of every checkpoint, so that another one can go on. */
import { z } from 'zod';

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

/** What a session saves. */
export const stateSchema = z.strictObject({
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

/** Names of the checkpoints that hold what training begins with, by phase. */
export const START_NAMES = { pretrain: 'model_update0', grpo: 'rl_model_step0' } as const;
