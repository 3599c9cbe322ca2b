/**
 * The dashboard beside a training, in a process of its own: a step may keep this process from answering for a while, and a
 * dashboard that fails must not end the training.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { problemOf } from '../base/errors.ts';
import { PREFLIGHT } from './launcher.ts';
import type { Reporter } from './reporter.ts';

const ADDRESS = /http:\/\/127\.0\.0\.1:\d+\//;
/** Maximum number of characters of the output that are kept. */
const MOST_OUTPUT = 4000;

/** Serve the directory of a run until disposed of, or until this process ends. */
export class DashboardProcess implements Disposable {
  readonly #child: ChildProcess | undefined;
  #output = '';
  #isTold = false;

  /** Start the server, and print its address once there is one. A failure is a warning. */
  constructor(
    directory: string,
    private readonly reporter: Reporter,
  ) {
    try {
      this.#child = start(directory);
    } catch (error) {
      this.#warn(problemOf(error));
      return;
    }
    const child = this.#child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    }
    child.on('error', (error) => this.#warn(error.message));
    child.on('exit', () => this.#warn(/error: (.*)/.exec(this.#output)?.[1] ?? 'it has ended'));
    // The training does not wait for it.
    child.unref();
    child.channel?.unref();
  }

  [Symbol.dispose](): void {
    this.#isTold = true;
    if (this.#child?.connected) this.#child.disconnect();
  }

  #hear(text: string): void {
    if (this.#output.length > MOST_OUTPUT) return;
    const before = ADDRESS.test(this.#output);
    this.#output += text;
    const [address] = ADDRESS.exec(this.#output) ?? [];
    if (!before && address !== undefined) this.reporter.line(`Dashboard: ${address}`);
  }

  #warn(problem: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.reporter.line(`warning: the dashboard does not work: ${problem}; the training goes on without it`);
  }
}

/** Start `mathformer dashboard` with the flags of this process, which ends when this process does. */
function start(directory: string): ChildProcess {
  const here = import.meta.url;
  const script = fileURLToPath(new URL(here.endsWith('.ts') ? './main.ts' : './main.js', here));
  if (!existsSync(script)) throw new Error(`there is no ${script}`);
  const preflight = process.execArgv.findIndex((argument) => PREFLIGHT.test(argument));
  const flags = process.execArgv.filter(
    (argument, i) =>
      !argument.startsWith('--inspect') && (preflight < 0 || (i !== preflight && i !== preflight - 1)),
  );
  return spawn(process.execPath, [...flags, script, 'dashboard', '--', directory], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Of its own group: Ctrl-C asks the training to stop, and the dashboard shows its last step.
    detached: true,
    windowsHide: true,
  });
}
