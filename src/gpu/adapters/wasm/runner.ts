/**
 * The runner of programs, which all threads of a device run together: each takes chunks of a block's groups until none is left,
 * and goes on to the next block when all groups of this one are done. So a thread that is late, or asleep, delays no other
 * unless it has a chunk.
 *
 * Workers run the text of these functions. So the functions use no name from outside except JavaScript's own, have no named
 * functions inside (compilers add calls of their own to those), and no syntax that compilers replace by calls.
 */
import type { Run } from './abi.ts';
import type { Layout } from './layout.ts';

/** A thread's part in running programs. */
export interface Runner {
  words: Int32Array;
  /** Kernels by their numbers. */
  readonly kernels: Run[];
  /** Number of this thread, from 0 on. */
  readonly thread: number;
  /** Milliseconds to add to this thread's clock, so that all threads have one clock. */
  readonly clockOffset: number;
  /** Loads of a counter before the thread sleeps. */
  readonly spins: number;
  /** Time on this thread's clock after which it stops between two chunks. */
  deadline: number;
}

/**
 * Run the program at a word until it is done. Return the word of its end; −1 if the deadline came first, which only a thread
 * without others may have. Throws what a kernel throws.
 */
export function runProgram(runner: Runner, start: number, layout: Layout): number {
  const { words, kernels, thread, spins, deadline, clockOffset } = runner;
  const { kind, dispatch, copy, timestamp } = layout;
  for (let at = start; ; at += layout.blockWords) {
    const what = words[at];
    if (what === kind.end) return at;
    const groups = words[at + layout.groups];
    const parts = words[at + layout.parts];
    for (;;) {
      const first = Atomics.load(words, at + layout.next);
      if (first >= groups) break;
      const end = first + Math.ceil((groups - first) / parts);
      if (Atomics.compareExchange(words, at + layout.next, first, end) !== first) continue;
      if (what === kind.dispatch) {
        const scratch = words[at + dispatch.scratch] + thread * words[at + dispatch.scratchStride];
        const run = kernels[words[at + dispatch.kernel]];
        run(words[at + dispatch.launch], first, end, scratch);
      } else if (what === kind.timestamp) {
        const nanoseconds = Math.round((performance.now() + clockOffset) * 1e6);
        new BigUint64Array(words.buffer, words[at + timestamp.address] >>> 0, 1)[0] = BigInt(nanoseconds);
      } else {
        const from = first * words[at + copy.piece];
        const to = Math.min(words[at + copy.length], end * words[at + copy.piece]);
        const target = words[at + copy.target];
        const source = words[at + copy.source];
        if (what === kind.copy) words.copyWithin(target + from, source + from, source + to);
        else words.fill(0, target + from, target + to);
      }
      const done = Atomics.add(words, at + layout.done, end - first) + end - first;
      if (done === groups && Atomics.load(words, at + layout.waiters) > 0) {
        Atomics.notify(words, at + layout.done);
      }
      if (deadline < Number.POSITIVE_INFINITY && performance.now() > deadline) return -1;
    }
    let left = spins;
    while (Atomics.load(words, at + layout.done) < groups && left > 0) left--;
    if (left > 0) continue;
    Atomics.add(words, at + layout.waiters, 1);
    for (;;) {
      const done = Atomics.load(words, at + layout.done);
      if (done >= groups) break;
      Atomics.wait(words, at + layout.done, done);
    }
  }
}

/** A message to a worker. The first one is a `Start`. */
export type ToWorker = Start | { readonly modules: readonly WebAssembly.Module[] } | 'wake';

export interface Start {
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly timeOrigin: number;
  readonly spins: number;
  /** Milliseconds that a thread waits for a program before it looks for messages. */
  readonly linger: number;
  readonly layout: Layout;
  /** Word of the thread's own block. */
  readonly own: number;
  /** Word of the end from which the first program will be linked. */
  readonly end: number;
}

/** A message of a worker: it has started, a number of programs is done, or it cannot go on. */
export type FromWorker = 'started' | { readonly done: number } | { readonly failed: string };

/** The port of a worker: its global object, or Node's `parentPort`. */
export interface WorkerPort {
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
}

/** Serve a worker: load the kernels that arrive, run the programs that are linked, and report. */
export function serveThread(port: WorkerPort, run: typeof runProgram): void {
  let start: Start | undefined;
  let runner: Runner | undefined;
  let at = 0;
  let passed = 0;
  port.onmessage = (event) => {
    try {
      const message = event.data;
      if (message !== 'wake' && 'memory' in message) {
        start = message;
        at = message.end;
        runner = {
          words: new Int32Array(message.memory.buffer),
          kernels: [],
          thread: message.thread,
          clockOffset: performance.timeOrigin - message.timeOrigin,
          spins: message.spins,
          deadline: Number.POSITIVE_INFINITY,
        };
        port.postMessage('started');
      }
      if (start === undefined || runner === undefined) return;
      const { memory, layout, own, linger } = start;
      if (message !== 'wake' && 'modules' in message) {
        for (let i = 0; i < message.modules.length; i++) {
          const { run } = new WebAssembly.Instance(message.modules[i], { env: { memory } }).exports;
          runner.kernels.push(run as Run);
        }
      }
      Atomics.store(runner.words, own + layout.thread.asleep, 0);
      for (;;) {
        const { words } = runner;
        const next = Atomics.load(words, at + layout.end.link);
        if (next === 0) {
          if (Atomics.wait(words, at + layout.end.link, 0, linger) !== 'timed-out') continue;
          Atomics.store(words, own + layout.thread.asleep, 1);
          if (Atomics.load(words, at + layout.end.link) === 0) return;
          Atomics.store(words, own + layout.thread.asleep, 0);
          continue;
        }
        // A message with the missing kernels is on its way.
        if (runner.kernels.length < words[at + layout.end.kernels]) return;
        // The memory has grown; an engine may tell so a little later.
        while (runner.words.length < words[at + layout.end.words]) {
          runner.words = new Int32Array(memory.buffer);
        }
        passed += 1;
        Atomics.store(words, own + layout.thread.passed, passed);
        at = run(runner, next, layout);
        if (Atomics.compareExchange(runner.words, at + layout.end.reported, 0, 1) === 0) {
          port.postMessage({ done: passed });
        }
      }
    } catch (error) {
      port.postMessage({ failed: String(error) });
    }
  };
}

/** Return the source of a worker. @param port an expression for its port. */
export const workerSource = (port: string): string => `(${serveThread})(${port}, ${runProgram});`;
