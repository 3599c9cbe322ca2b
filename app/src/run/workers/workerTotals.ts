/** The work on other machines in all steps of a run. */
import type { Columns } from '../../data/columns.ts';

/** Sums over the steps; NaN where the metrics have none. */
export interface WorkerTotals {
  readonly items: number;
  readonly ownItems: number;
  readonly redelivered: number;
  readonly hedged: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly bytes: number;
  /** Steps with such work. */
  readonly steps: number;
}

/** Sum the figures of work on other machines. Steps without such work are left out. */
export function workerTotals(columns: Columns | undefined): WorkerTotals {
  const measured = (name: string): Float64Array =>
    (columns?.get(`workers/${name}`) ?? new Float64Array()).filter((value) => !Number.isNaN(value));
  const sum = (name: string): number => {
    const values = measured(name);
    return values.length === 0 ? Number.NaN : values.reduce((total, value) => total + value, 0);
  };
  return {
    items: sum('items'),
    ownItems: sum('own_items'),
    redelivered: sum('redelivered'),
    hedged: sum('hedged'),
    duplicate: sum('duplicate'),
    rejected: sum('rejected'),
    bytes: sum('bytes'),
    steps: measured('items').length,
  };
}

/** Return the last value of a figure that was measured; NaN without one. */
export const latestFigure = (columns: Columns | undefined, name: string): number =>
  columns?.get(`workers/${name}`)?.findLast((value) => !Number.isNaN(value)) ?? Number.NaN;
