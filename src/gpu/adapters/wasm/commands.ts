/** Commands while they are encoded, and command buffers. */
import type { WasmBuffer } from './buffers.ts';
import type { Command } from './executor.ts';
import type { WasmQuerySet } from './queries.ts';

/** Buffers that a submission uses: they must not be destroyed before. */
export type Resource = WasmBuffer | WasmQuerySet;

/** The commands of one encoder. The first error makes all of them invalid. */
export class Commands {
  readonly list: Command[] = [];
  readonly resources = new Set<Resource>();
  #error: string | undefined;

  /** The first error. */
  get error(): string | undefined {
    return this.#error;
  }

  add(command: Command): void {
    this.list.push(command);
  }

  use(resource: Resource): void {
    this.resources.add(resource);
  }

  /** Note an error, which `finish` reports. */
  fail(message: string): void {
    this.#error ??= message;
  }
}

export class WasmCommandBuffer implements GPUCommandBuffer {
  declare readonly __brand: 'GPUCommandBuffer';
  label: string;
  readonly commands: Commands;
  isSubmitted = false;

  constructor(commands: Commands, label: string) {
    this.commands = commands;
    this.label = label;
  }

  /** Return the reason why it cannot be submitted; undefined if it can. */
  get problem(): string | undefined {
    if (this.commands.error !== undefined) return `it is invalid: ${this.commands.error}`;
    if (this.isSubmitted) return 'it was submitted before';
    for (const { submissionProblem } of this.commands.resources)
      if (submissionProblem) return submissionProblem;
    return undefined;
  }
}

/** Return a command buffer as one of this adapter. @throws TypeError for any other. */
export function commandBufferOf(buffer: GPUCommandBuffer): WasmCommandBuffer {
  if (buffer instanceof WasmCommandBuffer) return buffer;
  throw new TypeError('the command buffer is of another adapter');
}
