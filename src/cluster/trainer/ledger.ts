/** Counts the work of all machines between two reports. */
import { type Agreement, totalOf } from '../trust/agreement.ts';
import type { ClusterFigures, WorkerFigures } from './metrics.ts';

/** A machine on the ledger. */
export interface LedgerMachine {
  /** See `WorkerFigures`. */
  readonly worker: string;
  readonly name: string;
  readonly class: string;
}

/** Machines with figures of their own; further ones count in the sums alone. */
const MOST_MACHINES = 2000;
/** Latencies that are kept between two reports. */
const MOST_LATENCIES = 10_000;

/** Sums of a machine. */
interface Sums extends LedgerMachine {
  items: number;
  tokens: number;
  seconds: number;
  duplicate: number;
  rejected: number;
}

/** Facts of a report that the ledger does not count. */
export interface ReportFacts {
  /** Workers that were heard lately, refused ones not counted. */
  readonly present: readonly LedgerMachine[];
  isBanned(worker: string): boolean;
}

/** Sums since the last report. */
export class Ledger {
  #machines = new Map<string, Sums>();
  #latencies: number[] = [];
  #agreement = totalOf([]);
  #sums = { redelivered: 0, hedged: 0, bytes: 0 };
  #since: number;

  constructor(
    private readonly own: LedgerMachine,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#since = now();
  }

  /** Count items whose completions were taken. */
  taken(
    machine: LedgerMachine,
    { items, tokens }: { readonly items: number; readonly tokens: number },
  ): void {
    const sums = this.#sumsOf(machine);
    sums.items += items;
    sums.tokens += tokens;
  }

  /** Count seconds of work, whose results may be taken or not. */
  worked(machine: LedgerMachine, seconds: number): void {
    this.#sumsOf(machine).seconds += seconds;
  }

  duplicate(machine: LedgerMachine): void {
    this.#sumsOf(machine).duplicate++;
  }

  rejected(machine: LedgerMachine): void {
    this.#sumsOf(machine).rejected++;
  }

  /** Count items that were given out again by the server, or on purpose; and bytes that passed. */
  count(name: 'redelivered' | 'hedged' | 'bytes', by: number): void {
    this.#sums[name] += by;
  }

  /** Record how completions of workers agreed with the trainer's model. */
  scored(agreement: Agreement): void {
    this.#agreement = totalOf([this.#agreement, agreement]);
  }

  /** Record the seconds from the publication of weights to their first use by a worker. */
  firstUse(seconds: number): void {
    if (this.#latencies.length < MOST_LATENCIES) this.#latencies.push(seconds);
  }

  /** Return the figures since the last report, and begin anew. */
  report({ present, isBanned }: ReportFacts): ClusterFigures {
    const seconds = Math.max(1e-9, (this.now() - this.#since) / 1000);
    for (const machine of [this.own, ...present]) this.#sumsOf(machine);
    const workers = [...this.#machines.values()].map((sums) =>
      figuresOf(sums, seconds, isBanned(sums.worker)),
    );
    const total = (of: (figures: WorkerFigures) => number): number =>
      workers.reduce((sum, figures) => sum + of(figures), 0);
    const latencies = this.#latencies.toSorted((a, b) => a - b);
    const figures: ClusterFigures = {
      workers,
      connected: present.length,
      tokensPerSecond: total(({ tokens }) => tokens) / seconds,
      items: total(({ items }) => items),
      ownItems: this.#sumsOf(this.own).items,
      ...this.#sums,
      duplicate: total(({ duplicate }) => duplicate),
      rejected: total(({ rejected }) => rejected),
      ...this.#agreementFigures(),
      policySecondsP50: quantile(latencies, 0.5),
      policySecondsP99: quantile(latencies, 0.99),
    };
    this.#machines = new Map();
    this.#latencies = [];
    this.#agreement = totalOf([]);
    this.#sums = { redelivered: 0, hedged: 0, bytes: 0 };
    this.#since = this.now();
    return figures;
  }

  #agreementFigures() {
    const { tokens, maxDifference, meanDifference, flippedTokens } = this.#agreement;
    const known = (value: number): number => (tokens > 0 ? value : Number.NaN);
    return {
      logpDifferenceMax: known(maxDifference),
      logpDifferenceMean: known(meanDifference),
      flippedShare: known(flippedTokens / tokens),
    };
  }

  #sumsOf(machine: LedgerMachine): Sums {
    const known = this.#machines.get(machine.worker);
    if (known) return known;
    const sums = { ...machine, items: 0, tokens: 0, seconds: 0, duplicate: 0, rejected: 0 };
    if (this.#machines.size < MOST_MACHINES) this.#machines.set(machine.worker, sums);
    return sums;
  }
}

function figuresOf({ seconds: busy, ...sums }: Sums, elapsed: number, banned: boolean): WorkerFigures {
  const { worker, name, class: kind, items, tokens, duplicate, rejected } = sums;
  return {
    ...{ worker, name, class: kind, items, tokens, duplicate, rejected, banned },
    tokensPerSecond: busy > 0 ? tokens / busy : 0,
    idleShare: Math.min(1, Math.max(0, 1 - busy / elapsed)),
  };
}

/** Return the smallest value that is not below a share of the sorted values; NaN without values. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
