/** Programs in memory: the blocks that threads run (layout.ts), and the launch blocks of their kernels. */
import { LAUNCH_BINDINGS, launchBytes } from './abi.ts';
import type { Command, Dispatch, Range } from './executor.ts';
import { LAYOUT } from './layout.ts';
import type { DeviceMemory } from './memory.ts';

const { blockWords, kind, dispatch: DISPATCH, copy: COPY, timestamp: TIMESTAMP } = LAYOUT;
/** Words that a thread copies or clears at once. */
const PIECE = 65_536;
/** Parts for each thread of the groups that are left. */
const PARTS = 2;
/** Parts for one thread. It may have to stop between two of them. */
const PARTS_OF_ONE = 16;
const SCRATCH_ALIGNMENT = 256;

const padded = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** A program in memory. */
export interface Program {
  /** Words at which its first and its last block begin. */
  readonly first: number;
  readonly end: number;
  /** Memory that is free when no thread is in it any more. */
  readonly ranges: readonly Range[];
}

/** Scratch memory of all threads. */
interface Scratch {
  readonly range: Range;
  /** Bytes of each thread. */
  readonly stride: number;
}

/** Writes programs for a number of threads. */
export class ProgramWriter {
  readonly #memory: DeviceMemory;
  readonly #threads: number;
  #scratch: Scratch | undefined;

  constructor(memory: DeviceMemory, threads: number) {
    this.#memory = memory;
    this.#threads = threads;
  }

  /** Write a program; undefined if there is no memory for it. @param scratchBytes bytes that a kernel needs on each thread. */
  write(commands: readonly Command[], scratchBytes: number): Program | undefined {
    const blockBytes = 4 * blockWords * (commands.length + 1);
    const launches = commands.map((command) =>
      command.kind === 'dispatch' ? padded(launchBytes(command.bindings.length)) : 0,
    );
    const range = this.#memory.allocate(launches.reduce((total, bytes) => total + bytes, blockBytes));
    if (!range) return undefined;
    const outgrown = this.#scratch;
    if (!this.#ensureScratch(scratchBytes)) {
      this.#memory.free(range);
      return undefined;
    }
    let at = range.address / 4;
    let launch = range.address + blockBytes;
    this.#memory.words.fill(0, at, at + blockBytes / 4);
    for (const [i, command] of commands.entries()) {
      this.#writeBlock(at, command, launch);
      at += blockWords;
      launch += launches[i];
    }
    const ranges = outgrown && outgrown !== this.#scratch ? [range, outgrown.range] : [range];
    return { first: range.address / 4, end: at, ranges };
  }

  /** Free the memory of a program. Threads must have left it. */
  free({ ranges }: Program): void {
    for (const range of ranges) this.#memory.free(range);
  }

  #ensureScratch(bytes: number): boolean {
    const stride = Math.ceil(bytes / SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
    if (stride <= (this.#scratch?.stride ?? 0)) return true;
    const range = this.#memory.allocate(stride * this.#threads);
    if (range) this.#scratch = { range, stride };
    return range !== undefined;
  }

  #writeBlock(at: number, command: Command, launch: number): void {
    const { words } = this.#memory;
    words[at] = kind[command.kind];
    switch (command.kind) {
      case 'dispatch': {
        const [x, y, z] = command.grid;
        words[at + LAYOUT.groups] = x * y * z;
        words[at + LAYOUT.parts] = this.#threads > 1 ? PARTS * this.#threads : PARTS_OF_ONE;
        words[at + DISPATCH.kernel] = command.kernel;
        words[at + DISPATCH.launch] = launch;
        words[at + DISPATCH.scratch] = this.#scratch?.range.address ?? 0;
        words[at + DISPATCH.scratchStride] = this.#scratch?.stride ?? 0;
        this.#writeLaunch(launch / 4, command);
        break;
      }
      case 'copy':
        words[at + COPY.source] = command.source / 4;
        this.#writePieces(at, command.target, command.bytes);
        break;
      case 'clear':
        this.#writePieces(at, command.address, command.bytes);
        break;
      case 'timestamp':
        words[at + TIMESTAMP.address] = command.address;
        words[at + LAYOUT.groups] = 1;
        words[at + LAYOUT.parts] = 1;
        break;
      default:
        command satisfies never;
    }
  }

  #writePieces(at: number, target: number, bytes: number): void {
    const { words } = this.#memory;
    words[at + COPY.target] = target / 4;
    words[at + COPY.length] = bytes / 4;
    words[at + COPY.piece] = PIECE;
    words[at + LAYOUT.groups] = Math.ceil(bytes / 4 / PIECE);
    words[at + LAYOUT.parts] = Math.ceil(bytes / 4 / PIECE);
  }

  #writeLaunch(at: number, { grid, bindings }: Dispatch): void {
    const { words } = this.#memory;
    words[at] = grid[0];
    words[at + 1] = grid[1];
    words[at + 2] = grid[2];
    let binding = at + LAUNCH_BINDINGS / 4;
    for (const { address, bytes } of bindings) {
      words[binding] = address;
      words[binding + 1] = bytes;
      binding += 2;
    }
  }
}

/** Return the number of the program's first command that is not done; undefined if all are. */
export function unfinished({ words }: DeviceMemory, { first, end }: Program): number | undefined {
  for (let at = first; at < end; at += blockWords) {
    if (words[at + LAYOUT.done] < words[at + LAYOUT.groups]) return (at - first) / blockWords;
  }
  return undefined;
}
