/**
 * State of memory beside its contents: which words are defined, and who accessed them last.
 *
 * Two accesses of one word race if one of them writes, and they are of different workgroups of a dispatch, or of different lanes of
 * a workgroup without a barrier between. Atomic memory is accessed by nothing else, so it needs no record.
 */
import type { Machine, SharedSpace } from './machine.ts';

/** Marks a word that several lanes read in an interval. */
const MANY = 0xffff;

/** For each word the last write and the reads of the present dispatch. Intervals of earlier dispatches count as none. */
export class AccessRecords {
  readonly #writtenIn: Uint32Array;
  readonly #writtenBy: Uint16Array;
  readonly #readIn: Uint32Array;
  readonly #readBy: Uint16Array;
  readonly #firstReadIn: Uint32Array;

  constructor(words: number) {
    this.#writtenIn = new Uint32Array(words);
    this.#writtenBy = new Uint16Array(words);
    this.#readIn = new Uint32Array(words);
    this.#readBy = new Uint16Array(words);
    this.#firstReadIn = new Uint32Array(words);
  }

  /** Note a read of a word by a lane. Return the other access if they race. */
  read(word: number, lane: number, machine: Machine, space: SharedSpace): string | undefined {
    const interval = machine.interval[space];
    const race = this.#otherWrite(word, lane, machine, space);
    if (this.#readIn[word] !== interval) {
      if (this.#readIn[word] < machine.start[space]) this.#firstReadIn[word] = interval;
      this.#readIn[word] = interval;
      this.#readBy[word] = lane;
    } else if (this.#readBy[word] !== lane) {
      this.#readBy[word] = MANY;
    }
    return race;
  }

  /** Note a write of a word by a lane. Return the other access if they race. */
  write(word: number, lane: number, machine: Machine, space: SharedSpace): string | undefined {
    const interval = machine.interval[space];
    const race = this.#otherWrite(word, lane, machine, space) ?? this.#otherRead(word, lane, machine, space);
    this.#writtenIn[word] = interval;
    this.#writtenBy[word] = lane;
    return race;
  }

  #otherWrite(word: number, lane: number, machine: Machine, space: SharedSpace): string | undefined {
    const at = this.#writtenIn[word];
    if (at < machine.start[space]) return undefined;
    if (at < machine.workgroupStart) return 'another workgroup writes it';
    if (at !== machine.interval[space] || this.#writtenBy[word] === lane) return undefined;
    return `lane ${this.#writtenBy[word]} writes it without a barrier between`;
  }

  #otherRead(word: number, lane: number, machine: Machine, space: SharedSpace): string | undefined {
    const first = this.#firstReadIn[word];
    if (first >= machine.start[space] && first < machine.workgroupStart) return 'another workgroup reads it';
    const by = this.#readBy[word];
    if (this.#readIn[word] !== machine.interval[space] || by === lane) return undefined;
    return by === MANY
      ? 'other lanes read it without a barrier between'
      : `lane ${by} reads it without a barrier between`;
  }
}

/** State of the words of a buffer. */
export class Shadow {
  /** For each word: never written, defined, or the number of its origin (origins.ts). */
  readonly states: Uint32Array;
  #accesses: AccessRecords | undefined;

  constructor(words: number) {
    this.states = new Uint32Array(words);
  }

  /** Records of accesses; made when a kernel first writes the buffer. */
  get accesses(): AccessRecords {
    this.#accesses ??= new AccessRecords(this.states.length);
    return this.#accesses;
  }
}
