/**
 * The executor without threads, where there are no workers or no shared memory. It runs the same programs on the calling thread,
 * in slices of milliseconds, so that a page stays responsive between them.
 */
import type { Run } from './abi.ts';
import type { OpenExecutor } from './backend.ts';
import type { Command, Executor, ExecutorEvents } from './executor.ts';
import { type CompileShader, Kernels } from './kernels.ts';
import { LAYOUT } from './layout.ts';
import type { DeviceMemory } from './memory.ts';
import { type Program, ProgramWriter } from './program.ts';
import { type Runner, runProgram } from './runner.ts';
import type { Shader } from './wgsl/tree.ts';

/** Milliseconds of a slice: less than a frame. */
const SLICE_MS = 8;

interface Submission {
  readonly program: Program;
  readonly done: () => void;
}

class InlineExecutor implements Executor {
  readonly #memory: DeviceMemory;
  readonly #events: ExecutorEvents;
  readonly #kernels: Kernels;
  readonly #writer: ProgramWriter;
  readonly #runs: Run[] = [];
  readonly #waiting: Submission[] = [];
  #last: Promise<void> = Promise.resolve();
  /** Calls the next slice; open while there is work. */
  #channel: InstanceType<typeof MessageChannel> | undefined;
  #isOver = false;

  constructor(memory: DeviceMemory, events: ExecutorEvents, compile: CompileShader) {
    this.#memory = memory;
    this.#events = events;
    this.#kernels = new Kernels(compile);
    this.#writer = new ProgramWriter(memory, 1);
  }

  prepare(shader: Shader, label: string): number {
    return this.#kernels.add(shader, label);
  }

  prepareAsync(shader: Shader, label: string): Promise<number> {
    return this.#kernels.addAsync(shader, label);
  }

  submit(commands: readonly Command[]): Promise<void> {
    if (commands.length === 0) return this.#last;
    const program = this.#writer.write(commands, this.#kernels.scratchBytes);
    this.#last = new Promise((done) => {
      if (program) this.#waiting.push({ program, done });
      else this.#fail(`there is no memory for a program of ${commands.length} commands`);
    });
    this.#nextSlice();
    return this.#last;
  }

  destroy(): void {
    this.#isOver = true;
    this.#channel?.port1.close();
  }

  /** Run a slice when the event loop has done what else is to do. A timer would wait for milliseconds. */
  #nextSlice(): void {
    if (this.#isOver) return;
    if (!this.#channel) {
      this.#channel = new MessageChannel();
      this.#channel.port1.addEventListener('message', () => this.#slice());
      this.#channel.port1.start();
    }
    this.#channel.port2.postMessage(undefined);
  }

  #slice(): void {
    const submission = this.#waiting[0];
    if (this.#isOver || !submission) return;
    try {
      if (runProgram(this.#runner(), submission.program.first, LAYOUT) >= 0) this.#finish(submission);
    } catch (error) {
      this.#fail(`a kernel failed: ${error}`);
    }
    if (this.#waiting.length > 0) this.#nextSlice();
    else {
      this.#channel?.port1.close();
      this.#channel = undefined;
    }
  }

  #finish({ program, done }: Submission): void {
    this.#waiting.shift();
    this.#writer.free(program);
    done();
  }

  #fail(message: string): void {
    this.destroy();
    this.#events.lost(message);
  }

  #runner(): Runner {
    const env = { memory: this.#memory.wasm };
    for (const { module } of this.#kernels.list.slice(this.#runs.length)) {
      this.#runs.push(new WebAssembly.Instance(module, { env }).exports.run as Run);
    }
    return {
      ...{ words: this.#memory.words, kernels: this.#runs, thread: 0, clockOffset: 0, spins: 0 },
      deadline: performance.now() + SLICE_MS,
    };
  }
}

/** Return how to open an executor without threads. */
export const openInline =
  (compile: CompileShader): OpenExecutor =>
  async (memory, events) =>
    new InlineExecutor(memory, events, compile);
