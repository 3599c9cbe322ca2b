/**
 * Interface between the device and what computes. WebGPU's objects and rules are on the device's side, kernels on the executor's.
 * The device has checked every command: ranges lie in memory, bindings fit the shader's variables.
 */
import type { Shader } from './wgsl/tree.ts';

/** Bytes of the device's memory. The address is a multiple of 4, of storage and uniform bindings a multiple of 16. */
export interface Range {
  readonly address: number;
  readonly bytes: number;
}

/** Number of workgroups in x, y and z. */
export type Grid = readonly [x: number, y: number, z: number];

/** A launch of a kernel. */
export interface Dispatch {
  readonly kind: 'dispatch';
  /** Number of the kernel, as `Executor.prepare` returned it. */
  readonly kernel: number;
  readonly grid: Grid;
  /** The ranges of the shader's uniform and storage variables, in the order of `Shader.variables`. */
  readonly bindings: readonly Range[];
}

/** A copy inside the memory. The ranges do not overlap. */
export interface Copy {
  readonly kind: 'copy';
  /** `upload`: the host wrote the source, outside of all buffers. `buffers`: both are in buffers. */
  readonly of: 'upload' | 'buffers';
  readonly source: number;
  readonly target: number;
  readonly bytes: number;
}

/** Set bytes to zero. */
export interface Clear extends Range {
  readonly kind: 'clear';
}

/** Write the time, in nanoseconds since some start, as u64. */
export interface Timestamp {
  readonly kind: 'timestamp';
  readonly address: number;
}

/** A command with its addresses. */
export type Command = Dispatch | Copy | Clear | Timestamp;

/** Computes the commands of one device. */
export interface Executor {
  /**
   * Prepare a checked shader, and return its number. `source` is its WGSL, for messages.
   * @throws Error with the reason why it cannot be run.
   */
  prepare(shader: Shader, label: string, source: string): number;
  /** Prepare as `prepare` does, without blocking the calling thread for long. */
  prepareAsync(shader: Shader, label: string, source: string): Promise<number>;
  /**
   * Run commands one after another, after all earlier ones. Resolve when they are done; never if the device is lost first. A
   * rejection makes the device lost.
   */
  submit(commands: readonly Command[]): Promise<void>;
  /** Note that a new buffer or query set has this range. Its bytes are zero, and count as never written. */
  allocated?(range: Range): void;
  /** Note that the host wrote this range of a buffer, outside of commands. */
  written?(range: Range): void;
  /** Note that the host will see this range of a buffer. It is called before the promise of `mapAsync` resolves. */
  reading?(range: Range): void;
  /** End all threads. What is submitted may stay undone. */
  destroy(): void;
}

/** Functions that an executor calls. They may be replaced until the first submission. */
export interface ExecutorEvents {
  /** The executor cannot go on, for this reason: the device is lost. */
  lost: (message: string) => void;
  /** A kernel did something that WebGPU does not define. It is reported as an uncaptured validation error. */
  found: (message: string) => void;
}
