/** Speed and remaining time of a run. */
import type { Summary } from 'mathformer/training';
import type { Columns } from '../../data/columns.ts';

/** Steps that estimates are made from. */
const RECENT = 20;

/** Estimate the seconds to the end of a phase from its latest steps; null without a plan or without times. */
export function secondsLeft(columns: Columns, steps: number | null): number | null {
  const times = columns.get('step_time')?.subarray(-RECENT).filter(Number.isFinite);
  if (!times || times.length === 0 || steps === null) return null;
  return meanOf(times) * Math.max(0, steps - columns.latest('step'));
}

/** Return the tokens per second of the latest steps; of the whole run where steps have no times. */
export function tokensPerSecond(columns: Columns, summary: Summary | undefined): number {
  const [tokens, times] = [columns.get('num_tokens'), columns.get('step_time')];
  if (!tokens || !times) return summary?.tokensPerSecond ?? Number.NaN;
  return sumOf(tokens.subarray(-RECENT)) / sumOf(times.subarray(-RECENT));
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
const meanOf = (values: Float64Array): number => sumOf(values) / values.length;
