/** Ctrl-C, SIGTERM and SIGHUP: the first asks the loops to stop after the current step, a second quits at once. */
import { onLauncherEnd } from './launcher.ts';
import { exitCodeOf, isImpatient, STOP_SIGNALS, type StopSignal } from './stopSignals.ts';
import { isSupervised } from './supervisor.ts';

export class StopRequest implements Disposable {
  #signal: StopSignal | undefined;
  readonly #onRequest: () => void;
  readonly #supervised = isSupervised();
  readonly #launcher: Disposable;
  readonly #receive = (signal: StopSignal): void => {
    if (this.#signal === undefined) this.#request(signal);
    else if (!this.#supervised && isImpatient(signal)) this.#quit(signal);
  };

  /** Listens from now on until disposed. `onRequest` is called at the first signal, or when the launcher ends. */
  constructor(onRequest: () => void) {
    this.#onRequest = onRequest;
    for (const signal of STOP_SIGNALS) process.on(signal, this.#receive);
    this.#launcher = onLauncherEnd(() => this.#request('SIGTERM'));
  }

  get requested(): boolean {
    return this.#signal !== undefined;
  }

  /** What the process should exit with; undefined if nobody asked it to stop. */
  get exitCode(): number | undefined {
    return this.#signal && exitCodeOf(this.#signal);
  }

  [Symbol.dispose](): void {
    this.#launcher[Symbol.dispose]();
    // The same Ctrl-C may come again, from the terminal and from the supervisor.
    if (this.#supervised && this.requested) return;
    for (const signal of STOP_SIGNALS) process.off(signal, this.#receive);
  }

  #request(signal: StopSignal): void {
    if (this.#signal !== undefined) return;
    this.#signal = signal;
    this.#onRequest();
  }

  /** Without our handlers the signal does what it does to any program: it ends the process, whatever it is busy with. */
  #quit(signal: StopSignal): void {
    for (const each of STOP_SIGNALS) process.off(each, this.#receive);
    process.kill(process.pid, signal);
  }
}
