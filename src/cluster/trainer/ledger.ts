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

/** Machines with figures of their own, the trainer not counted; further ones count in the sums alone. */
const MOST_MACHINES = 2000;
/** Latencies that are kept between two reports. */
const MOST_LATENCIES = 10_000;

/** Work of one machine, or of several. */
interface Work {
  items: number;
  tokens: number;
  seconds: number;
  redelivered: number;
  duplicate: number;
  rejected: number;
  /** Seconds from the publication of weights to their first use. */
  readonly latencies: number[];
}

/** A machine and its work. */
interface Entry {
  readonly machine: LedgerMachine;
  readonly work: Work;
}

/** Facts of a report that the ledger does not count. */
export interface ReportFacts {
  /** Workers that were heard lately, refused ones not counted. */
  readonly present: readonly LedgerMachine[];
  isBanned(worker: string): boolean;
}

/** Sums since the last report. */
export class Ledger {
  #own = newWork();
  #machines = new Map<string, Entry>();
  /** The work of machines that have no figures of their own. */
  #others = newWork();
  #latencies = 0;
  #agreement = totalOf([]);
  #sums = { hedged: 0, bytes: 0 };
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
    const work = this.#workOf(machine);
    work.items += items;
    work.tokens += tokens;
  }

  /** Count seconds of work, whose results may be taken or not. */
  worked(machine: LedgerMachine, seconds: number): void {
    this.#workOf(machine).seconds += seconds;
  }

  /** Count the times that the server had given out the item of a result before. */
  redelivered(machine: LedgerMachine, times: number): void {
    this.#workOf(machine).redelivered += times;
  }

  duplicate(machine: LedgerMachine): void {
    this.#workOf(machine).duplicate++;
  }

  rejected(machine: LedgerMachine): void {
    this.#workOf(machine).rejected++;
  }

  /** Count items that were given out twice on purpose, and bytes that passed. */
  count(name: 'hedged' | 'bytes', by: number): void {
    this.#sums[name] += by;
  }

  /** Record how completions of workers agreed with the trainer's model. */
  scored(agreement: Agreement): void {
    this.#agreement = totalOf([this.#agreement, agreement]);
  }

  /** Record the seconds from the publication of weights to their first use by a machine. */
  firstUse(machine: LedgerMachine, seconds: number): void {
    if (this.#latencies++ < MOST_LATENCIES) this.#workOf(machine).latencies.push(seconds);
  }

  /** Return the figures since the last report, and begin anew. */
  report({ present, isBanned }: ReportFacts): ClusterFigures {
    const seconds = Math.max(1e-9, (this.now() - this.#since) / 1000);
    for (const machine of present) this.#workOf(machine);
    const entries = [{ machine: this.own, work: this.#own }, ...this.#machines.values()];
    const all = [...entries.map(({ work }) => work), this.#others];
    const total = (of: (work: Work) => number): number => all.reduce((sum, work) => sum + of(work), 0);
    const figures: ClusterFigures = {
      workers: entries.map((entry) => figuresOf(entry, seconds, isBanned(entry.machine.worker))),
      connected: present.length,
      tokensPerSecond: total(({ tokens }) => tokens) / seconds,
      items: total(({ items }) => items),
      ownItems: this.#own.items,
      ...this.#sums,
      redelivered: total(({ redelivered }) => redelivered),
      duplicate: total(({ duplicate }) => duplicate),
      rejected: total(({ rejected }) => rejected),
      ...this.#agreementFigures(),
      ...policySeconds(all.flatMap(({ latencies }) => latencies)),
    };
    this.#own = newWork();
    this.#machines = new Map();
    this.#others = newWork();
    this.#latencies = 0;
    this.#agreement = totalOf([]);
    this.#sums = { hedged: 0, bytes: 0 };
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

  #workOf(machine: LedgerMachine): Work {
    if (machine.worker === this.own.worker) return this.#own;
    const known = this.#machines.get(machine.worker);
    if (known) return known.work;
    if (this.#machines.size >= MOST_MACHINES) return this.#others;
    const work = newWork();
    this.#machines.set(machine.worker, { machine, work });
    return work;
  }
}

const newWork = (): Work => ({
  ...{ items: 0, tokens: 0, seconds: 0, redelivered: 0, duplicate: 0, rejected: 0 },
  latencies: [],
});

function figuresOf({ machine, work }: Entry, elapsed: number, banned: boolean): WorkerFigures {
  const { seconds, latencies, ...sums } = work;
  return {
    ...machine,
    ...sums,
    tokensPerSecond: seconds > 0 ? sums.tokens / seconds : 0,
    idleShare: Math.min(1, Math.max(0, 1 - seconds / elapsed)),
    ...policySeconds(latencies),
    banned,
  };
}

function policySeconds(latencies: readonly number[]) {
  const sorted = latencies.toSorted((a, b) => a - b);
  return { policySecondsP50: quantile(sorted, 0.5), policySecondsP99: quantile(sorted, 0.99) };
}

/** Return the smallest value that is not below a share of the sorted values; NaN without values. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
