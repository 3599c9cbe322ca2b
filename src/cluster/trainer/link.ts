/** Tells whether the server can be used, and has it used again after it was away. */
import type { NatsConnection } from '@nats-io/nats-core';
import { problemOf } from '../../base/errors.ts';
import { withDeadline } from '../connection/deadline.ts';
import { pause } from '../connection/pause.ts';
import { serverError } from '../connection/serverError.ts';
import type { ClusterError } from '../protocol/error.ts';
import type { ClusterListener } from './events.ts';

/** Milliseconds between attempts to use the server again, and for its answer. */
const RETRY_MS = 1000;
const ANSWER_MS = 3000;
/** Milliseconds between two attempts at the end. */
const PAUSE_MS = 200;

/** Listeners of a link. */
export interface LinkOptions {
  readonly on: ClusterListener;
  /** Makes again what the server may have lost. @throws what the server refuses, or `SUPERSEDED`. */
  restore(): Promise<void>;
  /** Hears that the server cannot be used now. */
  lost(): void;
  /** Hears that the server can be used again. */
  back(): void;
  /** Hears that another trainer has the run. */
  superseded(error: ClusterError): void;
}

/** The way to the server. The connection reconnects by itself; a request may fail in spite of it. */
export class Link {
  #isAlone = false;
  #isRestoring = false;
  #isOver = false;
  readonly #retrying: ReturnType<typeof setInterval>;

  constructor(
    private readonly nats: NatsConnection,
    private readonly options: LinkOptions,
  ) {
    this.#retrying = setInterval(() => {
      if (this.#isAlone) void this.#restore();
    }, RETRY_MS);
    void this.#watch();
    nats.closed().then((reason) => {
      const problem = `the server closed the connection${reason ? `: ${problemOf(reason)}` : ''}`;
      this.#goAlone(problem, 'check the credentials, then end the training and resume it');
    });
  }

  /** True while the server cannot be used. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** A request failed: do without the server until it can be used again. */
  trouble(error: unknown, doing: string): void {
    const failure = serverError(error, doing);
    if (failure.code === 'SUPERSEDED') this.options.superseded(failure);
    else this.#goAlone(problemOf(failure), failure.fix);
  }

  /** Try for some seconds whether the server answers. */
  async isReachable(milliseconds: number): Promise<boolean> {
    const late = performance.now() + milliseconds;
    while (!this.nats.isClosed() && performance.now() < late) {
      try {
        await this.#answer(milliseconds / 2);
        return true;
      } catch {
        await pause(PAUSE_MS);
      }
    }
    return false;
  }

  close(): void {
    this.#isOver = true;
    clearInterval(this.#retrying);
  }

  /** Wait for a sign of life of the server. A connection without one may look alive for half a minute: it is made again. */
  async #answer(milliseconds: number): Promise<void> {
    try {
      const limits = { missing: 'answer of the server of workers', fix: 'check the network' };
      await withDeadline(this.nats.rtt(), milliseconds, limits);
    } catch (error) {
      this.nats.reconnect().catch(() => undefined);
      throw error;
    }
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.nats.status()) {
      if (type === 'disconnect')
        this.#goAlone('the server of workers cannot be reached', 'check that it runs');
      if (type === 'reconnect') void this.#restore();
    }
  }

  #goAlone(problem: string, fix: string): void {
    if (this.#isAlone || this.#isOver) return;
    this.#isAlone = true;
    this.options.on({ type: 'alone', problem, fix });
    this.options.lost();
  }

  async #restore(): Promise<void> {
    if (this.#isRestoring || this.#isOver || this.nats.isClosed()) return;
    this.#isRestoring = true;
    try {
      await this.#answer(ANSWER_MS);
      await this.options.restore();
      this.#isAlone = false;
      this.options.on({ type: 'back' });
      this.options.back();
    } catch (error) {
      this.trouble(error, 'use it again');
    } finally {
      this.#isRestoring = false;
    }
  }
}
