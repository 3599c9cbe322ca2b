/** The lent tab, as the page sees it. It goes on while other pages of the app are shown. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { background } from '../shell/background.ts';
import { formatRoute } from '../shell/routes.ts';
import { announce } from '../ui/live.tsx';
import { heard, IDLE, type LendState, OPENING } from './lendState.ts';
import type { LendCommand, LendReport, LendRequest } from './protocol.ts';
import { noteLent } from './remembered.ts';
import { ScreenLock } from './screenLock.ts';

/** Milliseconds that a worker gets to end by itself. */
const LONGEST_STOP_MS = 30_000;
/** Milliseconds that a device gets to open. */
const LONGEST_OPENING_MS = 60_000;
const NOT_OPENED = {
  code: 'DEADLINE',
  problem: 'The device did not open within a minute',
  fix: 'Choose another device, or load the page again.',
};

class Lending {
  readonly #state = signal(IDLE);
  /** The server that it is lent to, or was last. */
  readonly server = signal<string>();
  readonly screen = new ScreenLock();
  #worker: Worker | undefined;
  /** The page is loaded again or closed: what it was lent to is still noted. */
  #isLeaving = false;
  /** Called when it has ended. */
  #stopped: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    addEventListener('pagehide', () => {
      this.#isLeaving = true;
      // An item that is not handed back in time is given out again by the server.
      this.#send({ type: 'stop' });
    });
    addEventListener('pageshow', () => {
      this.#isLeaving = false;
    });
  }

  get state(): ReadonlySignal<LendState> {
    return this.#state;
  }

  /** Start to work for a server. */
  start(request: LendRequest): void {
    if (this.#state.peek().status !== 'idle') return;
    const worker = new Worker(new URL('./lendWorker.ts', import.meta.url), { type: 'module', name: 'lend' });
    this.#worker = worker;
    this.server.value = request.server;
    this.#become(OPENING);
    worker.onmessage = ({ data }: MessageEvent<LendReport>) => {
      if (worker === this.#worker) this.#hear(data);
    };
    worker.onerror = ({ message }) => {
      if (worker !== this.#worker) return;
      const problem = message || 'The part of the page that works could not be loaded';
      const failure = { code: 'WORKER', problem, fix: 'Load the page again, and press Start.' };
      this.#hear({ type: 'ended', failure });
    };
    this.#send({ type: 'start', ...request });
    this.#timer = setTimeout(() => this.#hear({ type: 'ended', failure: NOT_OPENED }), LONGEST_OPENING_MS);
    noteLent(request.server);
    background.value = { label: 'Lent', href: formatRoute({ page: 'lend', server: request.server }) };
    this.screen.hold();
  }

  /** Stop once the item at hand is done or handed back. @returns when it is. */
  async stop(): Promise<void> {
    const state = this.#state.peek();
    if (state.status === 'idle') return;
    if (state.status !== 'stopping') {
      this.#become({ ...state, status: 'stopping' });
      this.#send({ type: 'stop' });
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#hear({ type: 'ended' }), LONGEST_STOP_MS);
    }
    await new Promise<void>((resolve) => {
      this.#stopped.push(resolve);
    });
  }

  #send(command: LendCommand): void {
    this.#worker?.postMessage(command);
  }

  #hear(report: LendReport): void {
    if (report.type === 'device' && this.#state.peek().status === 'opening') clearTimeout(this.#timer);
    this.#become(heard(this.#state.peek(), report));
    if (report.type === 'ended') this.#end();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#worker?.terminate();
    this.#worker = undefined;
    if (!this.#isLeaving) noteLent(undefined);
    background.value = undefined;
    this.screen.release();
    for (const resolve of this.#stopped.splice(0)) resolve();
  }

  #become(state: LendState): void {
    const { status, run } = this.#state.peek();
    this.#state.value = state;
    if (state.run !== undefined && state.run !== run) announce('Working for a run');
    else if (state.status !== status) announce(ANNOUNCED[state.status]);
  }
}

const ANNOUNCED: Readonly<Record<LendState['status'], string>> = {
  idle: 'This tab is no longer lent',
  opening: 'Opening the device',
  connecting: 'Connecting to the server',
  waiting: 'Connected, waiting for a run',
  working: 'Working',
  disconnected: 'The connection is lost',
  stopping: 'Stopping',
};

/** The one lending of this page. */
export const lending = new Lending();
