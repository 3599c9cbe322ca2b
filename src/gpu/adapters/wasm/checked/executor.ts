/** Computes the commands of a device by interpretation, in the calling thread, and reports the faults that it finds. */
import type { OpenExecutor } from '../backend.ts';
import type { Command, Dispatch, Executor, ExecutorEvents, Range } from '../executor.ts';
import type { Shader } from '../wgsl/tree.ts';
import { CheckedKernel } from './kernel.ts';
import type { Session } from './machine.ts';
import { DEFINED, Origins } from './origins.ts';
import { Shadows } from './shadows.ts';

/** A view has at least 16 bytes: a result of fewer words has words behind it that nobody writes. */
const LEAST_WORDS = 4;

class CheckedExecutor implements Executor {
  readonly #memory: WebAssembly.Memory;
  readonly #events: ExecutorEvents;
  readonly #subgroup: number;
  readonly #session: Session;
  readonly #shadows = new Shadows();
  readonly #kernels: CheckedKernel[] = [];
  /** Addresses at which the last copy was a least view. */
  readonly #leastViews = new Set<number>();

  constructor(memory: WebAssembly.Memory, events: ExecutorEvents, subgroup: number) {
    this.#memory = memory;
    this.#events = events;
    this.#subgroup = subgroup;
    this.#session = {
      clock: { now: 0 },
      origins: new Origins(),
      report: ({ message }) => events.found(message),
    };
  }

  prepare(shader: Shader, name: string, source: string): number {
    const [subgroup, session] = [this.#subgroup, this.#session];
    return this.#kernels.push(new CheckedKernel(shader, { name, source, subgroup, session })) - 1;
  }

  async prepareAsync(shader: Shader, name: string, source: string): Promise<number> {
    return this.prepare(shader, name, source);
  }

  submit(commands: readonly Command[]): Promise<void> {
    try {
      for (const command of commands) this.#run(command);
      return Promise.resolve();
    } catch (error) {
      this.#events.lost(`the interpreter failed: ${error instanceof Error ? error.message : String(error)}`);
      return new Promise(() => {});
    }
  }

  allocated(range: Range): void {
    this.#shadows.allocated(range);
  }

  written(range: Range): void {
    this.#shadows.written(range);
  }

  reading(range: Range): void {
    const states = this.#shadows.states(range);
    const isPadding = (at: number): boolean => this.#isPadding(states, at, range.address + 4 * at);
    const word = states.findIndex((state, at) => state !== DEFINED && !isPadding(at));
    if (word < 0) return;
    const why = this.#session.origins.describe(states[word]);
    this.#events.found(`undefined value: the host reads byte ${4 * word} of a result, a value that ${why}`);
  }

  destroy(): void {}

  /** Return true for a word behind a short result: it and all that follow in the least view are undefined. */
  #isPadding(states: Uint32Array, at: number, address: number): boolean {
    for (let before = 1; before < LEAST_WORDS; before++) {
      if (!this.#leastViews.has(address - 4 * before)) continue;
      return states.subarray(at, at - before + LEAST_WORDS).every((state) => state !== DEFINED);
    }
    return false;
  }

  #forgetViews(address: number, bytes: number): void {
    for (const view of this.#leastViews) {
      if (view >= address && view < address + bytes) this.#leastViews.delete(view);
    }
  }

  #run(command: Command): void {
    switch (command.kind) {
      case 'dispatch':
        this.#dispatch(command);
        break;
      case 'copy': {
        const { source, target, bytes, of } = command;
        new Uint8Array(this.#memory.buffer).copyWithin(target, source, source + bytes);
        if (of === 'buffers') this.#shadows.copied(source, target, bytes);
        else this.#shadows.written({ address: target, bytes });
        this.#forgetViews(target, bytes);
        if (bytes === 4 * LEAST_WORDS) this.#leastViews.add(target);
        break;
      }
      case 'clear':
        new Uint8Array(this.#memory.buffer, command.address, command.bytes).fill(0);
        this.#shadows.written(command);
        break;
      case 'timestamp': {
        const nanoseconds = BigInt(Math.round(performance.now() * 1e6));
        new DataView(this.#memory.buffer).setBigUint64(command.address, nanoseconds, true);
        this.#shadows.written({ address: command.address, bytes: 8 });
        break;
      }
    }
  }

  #dispatch({ kernel, grid, bindings }: Dispatch): void {
    const ranges = bindings.map(({ address, bytes }) => {
      const { shadow, offset } = this.#shadows.at(address);
      return { bytes: this.#memory.buffer, offset: address, size: bytes, shadow, shadowOffset: offset };
    });
    this.#kernels[kernel].run(grid, ranges);
  }
}

/** Return how to open an executor that checks. `subgroup`: lanes of a subgroup; 0 for none. */
export const openChecked =
  (subgroup: number): OpenExecutor =>
  async ({ wasm }, events) =>
    new CheckedExecutor(wasm, events, subgroup);
