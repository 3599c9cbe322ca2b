/** The work of each worker over the steps of a run, from the rows of workers.jsonl. */
import type { WorkerRow } from 'mathformer/training';

/** The worker that stands for the trainer's own share. */
export const TRAINER = 'trainer';

/** The work of a worker in all steps. */
export interface WorkerSummary {
  readonly worker: string;
  /** The name that it gives itself. */
  readonly name: string;
  readonly class: string;
  readonly items: number;
  readonly tokens: number;
  /** Tokens per second of work; NaN before any. */
  readonly speed: number;
  /** Mean over its steps; NaN if it was never measured. */
  readonly idleShare: number;
  /** NaN if it was never counted. */
  readonly redelivered: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Seconds to its first use of new weights: the median of its steps' medians, the 99th percentile of theirs; NaN without any. */
  readonly policySecondsP50: number;
  readonly policySecondsP99: number;
  readonly banned: boolean;
  readonly firstStep: number;
  readonly lastStep: number;
}

/** The values of all workers at each step: the middle one, the lowest and the highest; NaN at a step without any. */
export interface Spread {
  readonly median: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Values of a worker that are drawn over the steps. */
export type Curve = 'tokensPerSecond' | 'idleShare';

interface Known {
  /** Its latest row, which has its name and its state. */
  latest: WorkerRow;
  /** The row's places among the steps. */
  readonly at: number[];
  readonly curves: Readonly<Record<Curve, number[]>>;
  /** Medians of the policy latency in its steps, and 99th percentiles. */
  readonly medians: number[];
  readonly percentiles: number[];
  readonly firstStep: number;
  items: number;
  tokens: number;
  seconds: number;
  redelivered: number;
  duplicate: number;
  rejected: number;
}

/** Rows by worker and step. They are in the order of steps. */
export class WorkerHistory {
  readonly #workers = new Map<string, Known>();
  readonly #steps: number[] = [];

  /** Append rows. One of an earlier step than the last is left out: no run writes it. */
  push(rows: readonly WorkerRow[]): void {
    for (const row of rows) {
      const last = this.#steps.at(-1);
      if (last !== undefined && row.step < last) continue;
      if (row.step !== last) this.#steps.push(row.step);
      this.#add(row);
    }
  }

  /** Steps with at least one row. */
  get steps(): Float64Array {
    return Float64Array.from(this.#steps);
  }

  /** Return the work of all workers, the trainer's included. */
  summaries(): readonly WorkerSummary[] {
    return [...this.#workers.values()].map(summaryOf);
  }

  /** Return the values of a worker, one for each step; NaN at a step without it. */
  curve(worker: string, curve: Curve): Float64Array {
    const values = new Float64Array(this.#steps.length).fill(Number.NaN);
    const known = this.#workers.get(worker);
    for (const [i, place] of (known?.at ?? []).entries())
      values[place] = known?.curves[curve][i] ?? Number.NaN;
    return values;
  }

  /** Return the spread of all workers but the trainer. */
  spread(curve: Curve): Spread {
    const byStep: number[][] = this.#steps.map(() => []);
    for (const [worker, { at, curves }] of this.#workers) {
      if (worker === TRAINER) continue;
      for (const [i, place] of at.entries()) {
        const value = curves[curve][i];
        if (value !== undefined && !Number.isNaN(value)) byStep[place]?.push(value);
      }
    }
    const sorted = byStep.map((values) => Float64Array.from(values).sort());
    return {
      median: Float64Array.from(sorted, medianOf),
      low: Float64Array.from(sorted, (values) => values[0] ?? Number.NaN),
      high: Float64Array.from(sorted, (values) => values.at(-1) ?? Number.NaN),
    };
  }

  #add(row: WorkerRow): void {
    const known = this.#workers.get(row.worker) ?? newlyKnown(row);
    this.#workers.set(row.worker, known);
    known.latest = row;
    known.at.push(this.#steps.length - 1);
    // A worker without an item has no speed.
    known.curves.tokensPerSecond.push(row.tokens > 0 ? row.tokensPerSecond : Number.NaN);
    known.curves.idleShare.push(row.idleShare);
    known.items += numberOr0(row.items);
    known.tokens += numberOr0(row.tokens);
    known.seconds += row.tokensPerSecond > 0 ? numberOr0(row.tokens) / row.tokensPerSecond : 0;
    known.medians.push(row.policySecondsP50);
    known.percentiles.push(row.policySecondsP99);
    if (!Number.isNaN(row.redelivered)) known.redelivered = numberOr0(known.redelivered) + row.redelivered;
    known.duplicate += numberOr0(row.duplicate);
    known.rejected += numberOr0(row.rejected);
  }
}

const newlyKnown = (row: WorkerRow): Known => ({
  latest: row,
  at: [],
  curves: { tokensPerSecond: [], idleShare: [] },
  firstStep: row.step,
  ...{ medians: [], percentiles: [] },
  ...{ items: 0, tokens: 0, seconds: 0, redelivered: Number.NaN, duplicate: 0, rejected: 0 },
});

function summaryOf({ latest, curves, medians, percentiles, ...known }: Known): WorkerSummary {
  const { items, tokens, seconds, redelivered, duplicate, rejected, firstStep } = known;
  const { worker, name, class: machineClass, banned, step } = latest;
  const idle = measured(curves.idleShare);
  const slowest = measured(percentiles);
  return {
    ...{ worker, name, class: machineClass, banned, firstStep, lastStep: step },
    ...{ items, tokens, redelivered, duplicate, rejected },
    speed: tokens / seconds,
    idleShare: idle.reduce((sum, share) => sum + share, 0) / idle.length,
    policySecondsP50: medianOf(measured(medians)),
    policySecondsP99: slowest[Math.ceil(0.99 * slowest.length) - 1] ?? Number.NaN,
  };
}

/** Return the values that are known, the lowest first. */
const measured = (values: readonly number[]): Float64Array =>
  Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();

function medianOf(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  const [below, above] = [sorted[middle - 1], sorted[middle]];
  if (above === undefined) return Number.NaN;
  return sorted.length % 2 === 1 || below === undefined ? above : (below + above) / 2;
}

const numberOr0 = (value: number): number => (Number.isNaN(value) ? 0 : value);
