/** The conditions under which a worker ends: it is asked to, it was idle for too long, or its connection closed for good. */
import { pause } from '../connection/pause.ts';

/** Why a worker ends. */
export type StopReason = 'asked' | 'idle' | 'disconnected';

/** Tells when to end. */
export class StopCondition implements Disposable {
  readonly #ended = new AbortController();
  readonly #asked: AbortSignal | undefined;
  readonly #ask = (): void => this.#end('asked');
  #lastWork = performance.now();
  #reason: StopReason | undefined;

  /** @param maxIdle seconds without work after which the worker ends. */
  constructor(
    asked: AbortSignal | undefined,
    private readonly maxIdle: number,
  ) {
    this.#asked = asked;
    if (asked?.aborted) this.#end('asked');
    asked?.addEventListener('abort', this.#ask);
  }

  /** The reason to end; undefined while the worker goes on. */
  get reason(): StopReason | undefined {
    if (this.#reason === undefined && performance.now() - this.#lastWork > this.maxIdle * 1000)
      this.#end('idle');
    return this.#reason;
  }

  /** Aborted at the end. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Count idle time from now on. */
  worked(): void {
    this.#lastWork = performance.now();
  }

  /** End, as the connection closed for good. */
  disconnect(): void {
    this.#end('disconnected');
  }

  /** Wait some milliseconds, but not beyond the end. */
  pause(milliseconds: number): Promise<void> {
    const left = this.maxIdle * 1000 - (performance.now() - this.#lastWork);
    return pause(Math.max(0, Math.min(milliseconds, left + 1)), this.signal);
  }

  [Symbol.dispose](): void {
    this.#asked?.removeEventListener('abort', this.#ask);
  }

  #end(reason: StopReason): void {
    this.#reason ??= reason;
    this.#ended.abort();
  }
}
