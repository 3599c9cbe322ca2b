/** Tells a person what a worker does: a line for each change, and on a terminal a last line that is always true. */
import { problemOf } from '../base/errors.ts';
import type { LeaveReason, WorkerEvent } from '../cluster/worker/workerEvents.ts';
import type { WorkerCounts } from '../cluster/worker/workerTally.ts';
import { printable } from '../formats/error.ts';
import { duration, type Reporter } from './reporter.ts';

/** Milliseconds between two updates of the last line. */
const UPDATE_MS = 500;
/** Milliseconds without work after which it shows as waiting. */
const PAUSE_MS = 1000;
/** Milliseconds in which the same problem is told once. */
const QUIET_MS = 60_000;

const LEFT: Readonly<Record<LeaveReason, string>> = {
  done: 'is over',
  draining: 'ends, and has no more work',
  silent: 'has not answered for 20 s',
  refused: 'takes this worker no more',
  changed: 'began again with another model or other kernels',
  failing: 'is left for a minute: this machine failed at item after item',
  stopped: 'is left',
};

/** Prints the events of a worker. */
export class WorkerTerminal implements Disposable {
  #run: string | undefined;
  #isConnected = true;
  #isSampling = false;
  #workedAt = Number.NEGATIVE_INFINITY;
  readonly #problems = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly reporter: Pick<Reporter, 'line' | 'note' | 'status'>,
    private readonly counts: () => WorkerCounts,
  ) {
    this.#timer = setInterval(() => this.#update(), UPDATE_MS);
  }

  /** Tell an event. */
  readonly hear = (event: WorkerEvent): void => {
    this.#remember(event);
    this.#tell(event);
  };

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.reporter.status(undefined);
  }

  #remember(event: WorkerEvent): void {
    if (event.type === 'joined') this.#run = printable(event.name);
    if (event.type === 'left') this.#run = undefined;
    if (event.type === 'disconnected') this.#isConnected = false;
    if (event.type === 'reconnected') this.#isConnected = true;
    if (event.type === 'started') this.#isSampling = true;
    if (event.type === 'item' || event.type === 'returned' || event.type === 'malformed') {
      this.#isSampling = false;
      this.#workedAt = performance.now();
    }
  }

  #tell(event: WorkerEvent): void {
    const text = eventText(event);
    if (text === undefined) return;
    if (event.type !== 'returned' && event.type !== 'malformed') this.reporter.line(text);
    else if (this.#isNew(text)) this.reporter.note(text);
  }

  /** Tell whether a problem, which may come again and again, was not told lately. */
  #isNew(text: string): boolean {
    const now = performance.now();
    for (const [told, at] of this.#problems) if (now - at > QUIET_MS) this.#problems.delete(told);
    const isNew = !this.#problems.has(text);
    if (isNew) this.#problems.set(text, now);
    return isNew;
  }

  #update(): void {
    const doing = this.#isConnected ? this.#doing() : 'reconnecting to the server';
    this.reporter.status([...countsText(this.counts()), doing].join(' · '));
  }

  #doing(): string {
    if (this.#run === undefined) return 'waiting for a run';
    // Between two items it waits for a moment, which nobody wants to see.
    const isAtWork = this.#isSampling || performance.now() - this.#workedAt < PAUSE_MS;
    return isAtWork ? `sampling for ${this.#run}` : `waiting for work of ${this.#run}`;
  }
}

/** Return the line that tells an event; undefined for one that only the last line shows. */
function eventText(event: WorkerEvent): string | undefined {
  switch (event.type) {
    case 'disconnected':
      return 'Lost the server; reconnecting';
    case 'reconnected':
      return 'Found the server again';
    case 'waiting':
      return 'Waiting for a run that has work';
    case 'refused':
      return `Refused by ${printable(event.name)}: ${printable(event.refusal.problem)} — ${printable(event.refusal.fix)}`;
    case 'unable':
      return `Cannot work for ${printable(event.name)}: ${printable(event.error.message)}`;
    case 'joined':
      return `Working for ${printable(event.name)}`;
    case 'left':
      return `${printable(event.name)} ${LEFT[event.reason]}`;
    case 'returned':
      return `Handed a work item back: ${printable(event.problem)}`;
    case 'malformed':
      return `Refused a work item: ${printable(problemOf(event.error))}`;
    case 'deviceLost':
      return `The device was lost and is opened again: ${printable(event.problem)}`;
    case 'started':
    case 'weights':
    case 'item':
      return undefined;
  }
}

/** Return `12 items`, `3,400 tokens/s`, as far as there are any. */
function countsText({ items, tokensPerSecond }: WorkerCounts): string[] {
  if (items === 0) return [];
  return [`${counted(items, 'item')}`, `${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s`];
}

/** Return a line about all that a worker did. */
export function summaryText({ items, tokens }: WorkerCounts, seconds: number): string {
  return `${counted(items, 'work item')} done with ${counted(tokens, 'token')} in ${duration(seconds)}`;
}

const counted = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
