/** Handles Ctrl-C, SIGTERM and SIGHUP: the first one asks to stop after the current step, a second one quits at once. */
import { onLauncherEnd } from './launcher.ts';
import { exitCodeOf, isImpatient, STOP_SIGNALS, type StopSignal } from './stopSignals.ts';
import { isSupervised } from './supervisor.ts';

export class StopRequest implements Disposable {
  #signal: StopSignal | undefined;
  readonly #supervised = isSupervised();
  readonly #launcher: Disposable;
  readonly #receive = (signal: StopSignal): void => {
    if (this.#signal === undefined) this.#request(signal);
    else if (!this.#supervised && isImpatient(signal)) this.#quit(signal);
  };

  /** Listen until disposed. @param onRequest called at the first signal, or when the launcher ends. */
  constructor(private readonly onRequest: () => void) {
    for (const signal of STOP_SIGNALS) process.on(signal, this.#receive);
    this.#launcher = onLauncherEnd(() => this.#request('SIGTERM'));
  }

  get requested(): boolean {
    return this.#signal !== undefined;
  }

  /** Exit code of the process; undefined without a request to stop. */
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
    this.onRequest();
  }

  /** End the process at once: without our handlers the signal does that, whatever the process is busy with. */
  #quit(signal: StopSignal): void {
    for (const each of STOP_SIGNALS) process.off(each, this.#receive);
    process.kill(process.pid, signal);
  }
}
