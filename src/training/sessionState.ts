/** The state of a session besides its trainer's: part of every checkpoint, so that another session can resume. */
import { z } from 'zod';

/** The phases, in the order in which a pipeline has them. */
const PHASES = ['pretrain', 'grpo'] as const;

/** A phase of training: supervised, or by GRPO. */
export type PhaseName = 'pretrain' | 'grpo';

/** Sums over the steps of a phase so far. */
export interface Totals {
  /** Steps taken. */
  readonly steps: number;
  readonly tokens: number;
  /** Seconds spent in steps, without saving and evaluating. */
  readonly seconds: number;
}

/** The result of a phase. */
export interface PhaseResult extends Totals {
  readonly tokensPerSecond: number;
  /** The path of the last checkpoint of the phase; null if a stop came before the first step. */
  readonly checkpoint: string | null;
}

/** The state that a session saves. */
export interface SessionState {
  readonly phase: PhaseName;
  readonly totals: Totals;
  /** Rows of the metrics up to here. */
  readonly rows: number;
  /** Results of the phases that are over. */
  readonly finished: Readonly<Partial<Record<PhaseName, PhaseResult | undefined>>>;
}

const totalsSchema = z.strictObject({
  steps: z.int().min(0),
  tokens: z.number().min(0),
  seconds: z.number().min(0),
});

const resultSchema = z.strictObject({
  ...totalsSchema.shape,
  tokensPerSecond: z.number().min(0),
  checkpoint: z.string().nullable(),
});

/** Checks a state that was read. */
export const stateSchema = z.strictObject({
  phase: z.enum(PHASES),
  totals: totalsSchema,
  rows: z.int().min(0),
  finished: z.strictObject({ pretrain: resultSchema.optional(), grpo: resultSchema.optional() }),
}) satisfies z.ZodType<SessionState>;

/** Names of the checkpoints that hold the model that training begins with, by phase. */
export const START_NAMES = { pretrain: 'model_update0', grpo: 'rl_model_step0' } as const;
