/**
 * The executor with threads. A submission is written into shared memory as a program, and linked to the end of the one before.
 * All threads run all programs together (runner.ts). This thread never waits.
 */
import type { OpenExecutor } from './backend.ts';
import type { Command, Executor, ExecutorEvents } from './executor.ts';
import { type CompileShader, Kernels } from './kernels.ts';
import { LAYOUT } from './layout.ts';
import type { DeviceMemory } from './memory.ts';
import { type Program, ProgramWriter, unfinished } from './program.ts';
import type { FromWorker } from './runner.ts';
import type { StartThread, Thread } from './thread.ts';
import type { Shader } from './wgsl/tree.ts';

/**
 * Loads of a counter before a thread sleeps: about 10 µs, what sleeping and waking take. Not more, as other processes may need the
 * cores.
 */
const SPINS = 2000;
/** Milliseconds that threads wait for the next program where they cannot receive messages, which wakes them more quickly. */
const LINGER_MS = 5;

/** A program that is not known to be done, or that a thread may still be in. */
interface Submission {
  readonly program: Program;
  readonly commands: readonly Command[];
  readonly done: () => void;
}

/** The functions that start a thread and compile a shader. */
export interface ThreadSetting {
  readonly threads: number;
  readonly startThread: StartThread;
  readonly compile: CompileShader;
}

class ThreadExecutor implements Executor {
  readonly #memory: DeviceMemory;
  readonly #events: ExecutorEvents;
  readonly #kernels: Kernels;
  readonly #writer: ProgramWriter;
  readonly #threads: Thread[] = [];
  /** Word of the first thread's own block; those of the others follow. */
  readonly #own: number;
  /** The latest submissions, in order. */
  readonly #submissions: Submission[] = [];
  /** Number of submissions whose memory is free again, and of those that are done. */
  #freed = 0;
  #done = 0;
  /** Word of the end of the latest program. */
  #end: number;
  /** Number of kernels that the threads were sent. */
  #sent = 0;
  #last: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(memory: DeviceMemory, events: ExecutorEvents, { threads, compile }: ThreadSetting) {
    this.#memory = memory;
    this.#events = events;
    this.#kernels = new Kernels(compile);
    this.#writer = new ProgramWriter(memory, threads);
    const blocks = memory.allocateZeros(4 * LAYOUT.blockWords * (threads + 1));
    if (!blocks) throw new RangeError('there is no memory for the threads');
    this.#own = blocks.address / 4;
    this.#end = this.#own + threads * LAYOUT.blockWords;
  }

  /** Start the threads. @throws Error if one does not start. */
  async start({ threads, startThread }: ThreadSetting): Promise<void> {
    try {
      await Promise.all(Array.from({ length: threads }, (_, i) => this.#startThread(i, startThread)));
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.#keepAlive(false);
  }

  prepare(shader: Shader, label: string): number {
    return this.#kernels.add(shader, label);
  }

  prepareAsync(shader: Shader, label: string): Promise<number> {
    return this.#kernels.addAsync(shader, label);
  }

  submit(commands: readonly Command[]): Promise<void> {
    if (this.#isOver) return NEVER;
    if (commands.length === 0) return this.#last;
    this.#freePassed();
    const program = this.#writer.write(commands, this.#kernels.scratchBytes);
    if (!program) {
      this.#fail(`there is no memory for a program of ${commands.length} commands`);
      return NEVER;
    }
    this.#last = new Promise((done) => {
      this.#submissions.push({ program, commands, done });
    });
    this.#keepAlive(true);
    this.#sendKernels();
    this.#link(program);
    return this.#last;
  }

  destroy(): void {
    this.#isOver = true;
    for (const thread of this.#threads) thread.end();
  }

  #startThread(i: number, startThread: StartThread): Promise<void> {
    return new Promise((resolve, reject) => {
      const thread = startThread({
        message: (message) => (message === 'started' ? resolve() : this.#receive(message)),
        failed: (reason) => {
          reject(new Error(reason));
          this.#fail(reason);
        },
      });
      this.#threads.push(thread);
      thread.post({
        ...{ memory: this.#memory.wasm, layout: LAYOUT, thread: i },
        ...{ timeOrigin: performance.timeOrigin, spins: SPINS, linger: LINGER_MS },
        ...{ own: this.#ownWord(i), end: this.#end },
      });
    });
  }

  #ownWord(thread: number): number {
    return this.#own + thread * LAYOUT.blockWords;
  }

  #receive(message: Exclude<FromWorker, 'started'>): void {
    if (this.#isOver) return;
    if ('failed' in message) {
      this.#fail(this.#describe(message.failed));
      return;
    }
    while (this.#done < message.done) {
      this.#submissions[this.#done - this.#freed].done();
      this.#done += 1;
    }
    this.#keepAlive(this.#done < this.#freed + this.#submissions.length);
  }

  /** Name the kernel that a thread was in when it failed. */
  #describe(reason: string): string {
    const running = this.#submissions[this.#done - this.#freed];
    const command = running?.commands[unfinished(this.#memory, running.program) ?? 0];
    if (command?.kind !== 'dispatch') return reason;
    return `kernel '${this.#kernels.list[command.kernel].label}' failed: ${reason}`;
  }

  #fail(message: string): void {
    if (this.#isOver) return;
    this.destroy();
    this.#events.lost(message);
  }

  #keepAlive(stays: boolean): void {
    for (const thread of this.#threads) thread.keepAlive(stays);
  }

  /** Send the threads the kernels that they lack. */
  #sendKernels(): void {
    const { list } = this.#kernels;
    if (this.#sent === list.length) return;
    const modules = list.slice(this.#sent).map(({ module }) => module);
    this.#sent = list.length;
    for (const thread of this.#threads) thread.post({ modules });
  }

  /** Let the threads go on to a program, and wake those that sleep. */
  #link({ first, end }: Program): void {
    const { words } = this.#memory;
    const { link, kernels, words: needed } = LAYOUT.end;
    words[this.#end + kernels] = this.#kernels.list.length;
    words[this.#end + needed] = words.length;
    Atomics.store(words, this.#end + link, first);
    Atomics.notify(words, this.#end + link);
    this.#end = end;
    for (const [i, thread] of this.#threads.entries()) {
      const asleep = this.#ownWord(i) + LAYOUT.thread.asleep;
      if (Atomics.compareExchange(words, asleep, 1, 0) === 1) thread.post('wake');
    }
  }

  /** Free the memory of programs that all threads have left. */
  #freePassed(): void {
    const { words } = this.#memory;
    const passed = this.#threads.map((_, i) => Atomics.load(words, this.#ownWord(i) + LAYOUT.thread.passed));
    // The end of a program is in use until the next one has begun.
    for (const left = Math.min(...passed) - 1; this.#freed < left; this.#freed++) {
      const submission = this.#submissions[0];
      if (this.#freed >= this.#done) return;
      this.#writer.free(submission.program);
      this.#submissions.shift();
    }
  }
}

const NEVER = new Promise<void>(() => {});

/** Return how to open an executor with threads. @throws Error if a thread does not start. */
export const openThreads =
  (setting: ThreadSetting): OpenExecutor =>
  async (memory, events) => {
    const executor = new ThreadExecutor(memory, events, setting);
    await executor.start(setting);
    return executor;
  };
