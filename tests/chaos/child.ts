/** A process of a test: watched, killed, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { until, within } from './deadline.ts';

/** The end of a process: by an exit code or by a signal. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  /** A script of TypeScript, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** A program that starts node, and its arguments, such as `ip netns exec NAME`. */
  readonly launcher?: readonly string[];
}

/** A process that runs a script. Disposing of it kills it. */
export class Child implements AsyncDisposable {
  readonly name: string;
  /** Settles when it has ended. */
  readonly ended: Promise<Ended>;
  #output = '';
  #end: Ended | undefined;
  readonly #process: ChildProcess;

  constructor({ name, script, args, environment = {}, launcher = [] }: ChildOptions) {
    this.name = name;
    const words = [...launcher, process.execPath, '--import', 'tsx', script, ...args];
    this.#process = spawn(words[0] ?? '', words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    const heard = (text: string): void => {
      this.#output += text;
    };
    this.#process.stdout?.setEncoding('utf8').on('data', heard);
    this.#process.stderr?.setEncoding('utf8').on('data', heard);
    this.ended = new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('close', (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
      });
    });
    this.ended.catch(() => {});
  }

  /** The text that it printed. */
  get output(): string {
    return this.#output;
  }

  get isAlive(): boolean {
    return this.#end === undefined;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Wait until it has printed a text. @throws Error if it ends before, or after `seconds`. */
  async says(pattern: RegExp, seconds: number): Promise<void> {
    const hasSaid = (): boolean => pattern.test(this.#output);
    await this.#telling(until(seconds, `${this.name} to print ${pattern}`, () => hasSaid() || !this.isAlive));
    if (!hasSaid()) throw new Error(`${this.name} ended before it printed ${pattern}:\n${this.#output}`);
  }

  /** Wait for its end by itself, with this exit code. @throws Error for another end, or none within `seconds`. */
  async exits(seconds: number, code = 0): Promise<void> {
    const end = await this.#telling(within(seconds, `${this.name} to end`, () => this.ended));
    if (end.code !== code) {
      throw new Error(`${this.name} ended with ${end.code ?? end.signal}, not ${code}:\n${this.#output}`);
    }
  }

  /** Kill it, and wait for its end. */
  async kill(): Promise<void> {
    if (this.isAlive) this.send('SIGKILL');
    await this.ended.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  /** Add what it printed to an error. */
  async #telling<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${problem}; ${this.name} printed:\n${this.#output}`, { cause });
    }
  }
}
