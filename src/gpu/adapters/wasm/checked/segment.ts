/** Memory that a variable of a kernel lies in, and checked loads and stores of it. */
import type { Place, Variable } from '../wgsl/tree.ts';
import type { Shadow } from './accesses.ts';
import type { Machine, SharedSpace } from './machine.ts';
import { DEFINED, NEVER_WRITTEN } from './origins.ts';
import type { Register } from './register.ts';

/** A range of a buffer that a binding names. */
export interface BoundRange {
  readonly bytes: ArrayBufferLike;
  /** Offset and size of the range in `bytes`. */
  readonly offset: number;
  readonly size: number;
  /** State of the buffer. */
  readonly shadow: Shadow;
  /** Offset of the range in the buffer, in bytes. */
  readonly shadowOffset: number;
}

/** Word addresses in a segment, for each lane. */
export interface Location {
  readonly segment: Segment;
  readonly addresses: Int32Array;
  /** 1 for each lane that is active and in bounds. */
  valid: Uint8Array;
  /** Number of these lanes. */
  count: number;
}

const NOTHING: Uint32Array = new Uint32Array();

/** The memory of a variable of the address spaces `storage`, `uniform` and `workgroup`. */
export class Segment {
  readonly variable: Variable;
  /** Size in bytes. */
  size = 0;
  words = NOTHING;
  readonly #space: SharedSpace;
  /** True if accesses of different invocations can race: the memory is written, and not atomic. */
  readonly #tracked: boolean;
  #states = NOTHING;
  #shadow: Shadow | undefined;
  #first = 0;

  constructor(variable: Variable) {
    this.variable = variable;
    this.#space = variable.space === 'workgroup' ? 'workgroup' : 'storage';
    this.#tracked = (variable.space === 'workgroup' || variable.writable === true) && !isAtomic(variable);
  }

  /** Let the variable lie in a range from now on. */
  bind({ bytes, offset, size, shadow, shadowOffset }: BoundRange): void {
    const words = Math.floor(size / 4);
    this.size = size;
    this.words = new Uint32Array(bytes, offset, words);
    this.#shadow = shadow;
    this.#first = shadowOffset / 4;
    this.#states = shadow.states.subarray(this.#first, this.#first + words);
  }

  /** Set all memory to 0, as workgroup memory is at the start; it counts as not written. */
  reset(): void {
    this.words.fill(0);
    this.#states.fill(0);
  }

  /** Load words of a value into a register; `offsets` are those of its words from the address. */
  load(
    out: Register,
    { addresses, valid, count }: Location,
    offsets: readonly number[],
    machine: Machine,
    place: Place,
    origin: () => number,
  ): void {
    const { words } = this;
    const states = this.#states;
    const { lanes } = machine;
    out.define();
    let undefinedWords = 0;
    if (count === lanes) {
      for (let w = 0, at = 0; w < offsets.length; w++) {
        const offset = offsets[w];
        for (let lane = 0; lane < lanes; lane++, at++) {
          const address = addresses[lane] + offset;
          out.u[at] = words[address];
          undefinedWords |= states[address] ^ DEFINED;
        }
      }
    } else {
      for (let w = 0, at = 0; w < offsets.length; w++) {
        const offset = offsets[w];
        for (let lane = 0; lane < lanes; lane++, at++) {
          if (valid[lane] === 0) {
            out.u[at] = 0;
            continue;
          }
          const address = addresses[lane] + offset;
          out.u[at] = words[address];
          undefinedWords |= states[address] ^ DEFINED;
        }
      }
    }
    if (undefinedWords !== 0) this.#loadOrigins(out, addresses, valid, offsets, lanes, origin);
    if (this.#tracked) this.#noteReads(addresses, valid, offsets, machine, place);
  }

  /** Store the words of a register. */
  store(
    value: Register,
    { addresses, valid }: Location,
    offsets: readonly number[],
    machine: Machine,
    place: Place,
  ): void {
    const { words } = this;
    const states = this.#states;
    const { lanes } = machine;
    if (this.#tracked) this.#noteWrites(addresses, valid, offsets, machine, place);
    const { u, origins } = value;
    for (let w = 0, at = 0; w < offsets.length; w++) {
      const offset = offsets[w];
      for (let lane = 0; lane < lanes; lane++, at++) {
        if (valid[lane] === 0) continue;
        const address = addresses[lane] + offset;
        words[address] = u[at];
        states[address] = origins === undefined ? DEFINED : origins[at] || DEFINED;
      }
    }
  }

  /** Return true if a word was written. */
  isWritten(address: number): boolean {
    return this.#states[address] !== NEVER_WRITTEN;
  }

  /** Note that a word has a defined value. */
  setDefined(address: number): void {
    this.#states[address] = DEFINED;
  }

  #loadOrigins(
    out: Register,
    addresses: Int32Array,
    valid: Uint8Array,
    offsets: readonly number[],
    lanes: number,
    origin: () => number,
  ): void {
    const origins = out.writableOrigins();
    let own = 0;
    for (const [w, offset] of offsets.entries()) {
      for (let lane = 0; lane < lanes; lane++) {
        if (valid[lane] === 0) continue;
        const state = this.#states[addresses[lane] + offset];
        if (state > DEFINED) origins[w * lanes + lane] = state;
        else if (state !== DEFINED) {
          own ||= origin();
          origins[w * lanes + lane] = own;
        }
      }
    }
  }

  #noteReads(
    addresses: Int32Array,
    valid: Uint8Array,
    offsets: readonly number[],
    machine: Machine,
    place: Place,
  ): void {
    const accesses = this.#shadow?.accesses;
    if (accesses === undefined) return;
    for (const offset of offsets) {
      for (let lane = 0; lane < machine.lanes; lane++) {
        if (valid[lane] === 0) continue;
        const race = accesses.read(this.#first + addresses[lane] + offset, lane, machine, this.#space);
        if (race !== undefined)
          this.#reportRace('reads', race, addresses[lane] + offset, lane, machine, place);
      }
    }
  }

  #noteWrites(
    addresses: Int32Array,
    valid: Uint8Array,
    offsets: readonly number[],
    machine: Machine,
    place: Place,
  ): void {
    const accesses = this.#shadow?.accesses;
    if (accesses === undefined) return;
    for (const offset of offsets) {
      for (let lane = 0; lane < machine.lanes; lane++) {
        if (valid[lane] === 0) continue;
        const race = accesses.write(this.#first + addresses[lane] + offset, lane, machine, this.#space);
        if (race !== undefined)
          this.#reportRace('writes', race, addresses[lane] + offset, lane, machine, place);
      }
    }
  }

  #reportRace(
    verb: string,
    race: string,
    address: number,
    lane: number,
    machine: Machine,
    place: Place,
  ): void {
    const describe = () => `the lane ${verb} byte ${4 * address} of '${this.variable.name}', and ${race}`;
    machine.report('data race', place, lane, describe);
  }
}

function isAtomic({ type }: Variable): boolean {
  return type.kind === 'atomic' || (type.kind === 'array' && type.of.kind === 'atomic');
}
