/** The traces of a run that were read last. */
import { MathformerError } from 'mathformer';
import { readTrace, type StepTrace, traceFile } from 'mathformer/training';

/** Traces that stay in memory: a slider passes over hundreds. */
const KEPT = 24;

/** Reads traces by their step. */
export class TraceCache {
  readonly #traces = new Map<number, Promise<StepTrace>>();

  /** @param bytes reads a file of the run; undefined if there is none of that name. */
  constructor(private readonly bytes: (name: string) => Promise<Uint8Array | undefined>) {}

  /** Read the trace of a step. @throws MathformerError if it cannot be read. */
  get(step: number): Promise<StepTrace> {
    const known = this.#traces.get(step);
    const read = known ?? this.#read(step);
    // The order of the map is that of use.
    this.#traces.delete(step);
    this.#traces.set(step, read);
    for (const old of [...this.#traces.keys()].slice(0, -KEPT)) this.#traces.delete(old);
    return read;
  }

  /** Forget the trace of a step: its file has changed. */
  forget(step: number): void {
    this.#traces.delete(step);
  }

  clear(): void {
    this.#traces.clear();
  }

  #read(step: number): Promise<StepTrace> {
    const read = this.#parsed(step);
    // A trace that could not be read is tried again.
    read.catch(() => {
      if (this.#traces.get(step) === read) this.#traces.delete(step);
    });
    return read;
  }

  async #parsed(step: number): Promise<StepTrace> {
    const name = traceFile(step);
    const bytes = await this.bytes(name);
    if (bytes) return readTrace(bytes, name);
    const details = { code: 'NO_TRACE', where: 'the run', fix: 'choose a step that has one' };
    throw new MathformerError(`step ${step} has no trace`, details);
  }
}
