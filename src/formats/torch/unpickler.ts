/**
 * A stack machine for Python pickles, protocols 2 to 5, that executes nothing. It builds plain containers. `PickleHooks` allow
 * or refuse everything else: globals, calls, persistent ids.
 *
 * Not supported on purpose: protocol 0 and 1 text opcodes, INST, OBJ, NEWOBJ_EX, extension codes, out-of-band buffers.
 * Time is linear in the pickle; memory is charged to the budget opcode by opcode.
 */

import type { MemoryBudget } from '../budget.ts';
import type { CheckpointError } from '../error.ts';
import { PickleCursor, pickleError } from './pickleCursor.ts';
import { PickleGlobal, type PickleKey, PickleTuple, type PickleValue } from './pickleValues.ts';
import { isKey } from './pythonObjects.ts';

/** Handlers of everything in a pickle besides containers. Each throws a `CheckpointError` to refuse. */
export interface PickleHooks {
  findGlobal(module: string, name: string): PickleGlobal;
  call(callable: PickleGlobal, args: readonly PickleValue[]): PickleValue;
  /** Set the state of an object. Return false for an object without state. */
  setState(target: PickleValue, state: PickleValue): boolean;
  persistentLoad(id: PickleValue): PickleValue;
}

/**
 * Maximum memory in bytes: a stack slot with its value; an entry of a Map or Set, which have room for 2.5 times their entries
 * while they grow; an empty Map, Set, array or view of bytes.
 */
const STEP_COST = 48;
const PLACE_COST = 96;
const CONTAINER_COST = 256;
const STOP = 0x2e;

/** Read the pickle that begins at `start`. Return its value and the offset after its STOP. @throws CheckpointError */
export function unpickle(bytes: Uint8Array, start: number, hooks: PickleHooks, budget: MemoryBudget) {
  return new Unpickler(bytes, start, hooks, budget).run();
}

class Unpickler {
  readonly #cursor: PickleCursor;
  readonly #stack: PickleValue[] = [];
  /** Stack heights at each open MARK. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  /** Offset of the opcode being executed, for messages. */
  #opcodeAt: number;

  readonly #opcodes: ReadonlyMap<number, () => void> = new Map([
    // Opcodes that push one constant.
    [0x4e, () => this.#push(null)], // NONE
    [0x88, () => this.#push(true)], // NEWTRUE
    [0x89, () => this.#push(false)], // NEWFALSE
    [0x4b, () => this.#push(this.#cursor.uint8())], // BININT1
    [0x4d, () => this.#push(this.#cursor.uint16())], // BININT2
    [0x4a, () => this.#push(this.#cursor.uint32() | 0)], // BININT
    [0x8a, () => this.#push(this.#cursor.long(this.#cursor.uint8()))], // LONG1
    [0x8b, () => this.#push(this.#cursor.long(this.#cursor.uint32()))], // LONG4
    [0x47, () => this.#push(this.#cursor.float64())], // BINFLOAT, big-endian in every pickle
    [0x8c, () => this.#push(this.#cursor.text(this.#cursor.uint8()))], // SHORT_BINUNICODE
    [0x55, () => this.#push(this.#cursor.text(this.#cursor.uint8()))], // SHORT_BINSTRING: Python 2's str
    [0x58, () => this.#push(this.#cursor.text(this.#cursor.uint32()))], // BINUNICODE
    [0x54, () => this.#push(this.#cursor.text(this.#cursor.uint32()))], // BINSTRING
    [0x8d, () => this.#push(this.#cursor.text(this.#cursor.uint64()))], // BINUNICODE8
    [0x43, () => this.#pushContainer(this.#cursor.take(this.#cursor.uint8()))], // SHORT_BINBYTES
    [0x42, () => this.#pushContainer(this.#cursor.take(this.#cursor.uint32()))], // BINBYTES
    [0x8e, () => this.#pushContainer(this.#cursor.take(this.#cursor.uint64()))], // BINBYTES8
    [0x96, () => this.#pushContainer(this.#cursor.take(this.#cursor.uint64()))], // BYTEARRAY8
    // Opcodes that make or fill tuples, lists, dicts and sets.
    [0x29, () => this.#pushContainer(new PickleTuple([]))], // EMPTY_TUPLE
    [0x85, () => this.#pushContainer(new PickleTuple(this.#popCount(1)))], // TUPLE1
    [0x86, () => this.#pushContainer(new PickleTuple(this.#popCount(2)))], // TUPLE2
    [0x87, () => this.#pushContainer(new PickleTuple(this.#popCount(3)))], // TUPLE3
    [0x74, () => this.#pushContainer(new PickleTuple(this.#popMark()))], // TUPLE
    [0x5d, () => this.#pushContainer([])], // EMPTY_LIST
    [0x6c, () => this.#pushContainer(this.#popMark())], // LIST
    [0x61, () => this.#append(this.#popCount(1))], // APPEND
    [0x65, () => this.#append(this.#popMark())], // APPENDS
    [0x7d, () => this.#pushContainer(new Map())], // EMPTY_DICT
    [0x64, () => this.#dictOf(this.#popMark())], // DICT
    [0x73, () => this.#setItems(this.#popCount(2))], // SETITEM
    [0x75, () => this.#setItems(this.#popMark())], // SETITEMS
    [0x8f, () => this.#pushContainer(new Set())], // EMPTY_SET
    [0x90, () => this.#addItems(this.#popMark())], // ADDITEMS
    [0x91, () => this.#setOf(this.#popMark())], // FROZENSET
    // Opcodes for the stack, the memo, globals, calls and persistent ids.
    [0x80, () => this.#protocol(this.#cursor.uint8())], // PROTO
    [0x95, () => this.#cursor.need(this.#cursor.uint64())], // FRAME: a hint, but it must fit
    [0x28, () => this.#marks.push(this.#stack.length)], // MARK
    [0x30, () => this.#pop()], // POP
    [0x31, () => this.#popMark()], // POP_MARK
    [0x32, () => this.#push(this.#top())], // DUP
    [0x71, () => this.#remember(this.#cursor.uint8())], // BINPUT
    [0x72, () => this.#remember(this.#cursor.uint32())], // LONG_BINPUT
    [0x94, () => this.#remember(this.#memo.size)], // MEMOIZE
    [0x68, () => this.#recall(this.#cursor.uint8())], // BINGET
    [0x6a, () => this.#recall(this.#cursor.uint32())], // LONG_BINGET
    [0x63, () => this.#pushContainer(this.hooks.findGlobal(this.#cursor.line(), this.#cursor.line()))], // GLOBAL
    [0x93, () => this.#stackGlobal()], // STACK_GLOBAL
    [0x52, () => this.#call()], // REDUCE
    [0x81, () => this.#call()], // NEWOBJ: for the classes allowed, the same as calling them
    [0x62, () => this.#build()], // BUILD
    [0x51, () => this.#pushContainer(this.hooks.persistentLoad(this.#pop()))], // BINPERSID
  ]);

  constructor(
    bytes: Uint8Array,
    start: number,
    private readonly hooks: PickleHooks,
    private readonly budget: MemoryBudget,
  ) {
    this.#cursor = new PickleCursor(bytes, start, budget);
    this.#opcodeAt = start;
  }

  run(): { value: PickleValue; end: number } {
    for (;;) {
      this.#opcodeAt = this.#cursor.at;
      this.budget.charge(STEP_COST, 'pickle');
      const opcode = this.#cursor.uint8();
      if (opcode === STOP) return { value: this.#pop(), end: this.#cursor.at };
      const execute = this.#opcodes.get(opcode);
      if (!execute) {
        throw this.#fail('UNSUPPORTED', `opcode 0x${opcode.toString(16).padStart(2, '0')} is not accepted`);
      }
      execute();
    }
  }

  #protocol(version: number): void {
    if (version < 2 || version > 5) throw this.#fail('UNSUPPORTED', `pickle protocol ${version} is not read`);
  }

  #stackGlobal(): void {
    const [module, name] = this.#popCount(2);
    if (typeof module !== 'string' || typeof name !== 'string')
      throw this.#fail('CORRUPT', 'a global has no name');
    this.#pushContainer(this.hooks.findGlobal(module, name));
  }

  #call(): void {
    const [callable, args] = this.#popCount(2);
    if (!(callable instanceof PickleGlobal) || !(args instanceof PickleTuple)) {
      throw this.#fail('CORRUPT', 'a call lacks its function or its arguments');
    }
    this.budget.charge(CONTAINER_COST, 'pickle');
    this.#push(this.hooks.call(callable, args.items));
  }

  #build(): void {
    const state = this.#pop();
    if (!this.hooks.setState(this.#top(), state))
      throw this.#fail('UNSUPPORTED', 'it sets the state of an object');
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#fail('CORRUPT', 'it appends to something that is not a list');
    for (const item of items) list.push(item);
  }

  #dictOf(items: readonly PickleValue[]): void {
    this.#pushContainer(new Map());
    this.#setItems(items);
  }

  #setOf(items: readonly PickleValue[]): void {
    this.#pushContainer(new Set());
    this.#addItems(items);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw this.#fail('CORRUPT', 'it sets items of something that is not a dict');
    this.budget.charge((PLACE_COST * items.length) / 2, 'pickle');
    if (items.length % 2 !== 0) throw this.#fail('CORRUPT', 'a dict key has no value');
    for (let i = 0; i < items.length; i += 2) dict.set(this.#key(items[i]), items[i + 1] ?? null);
  }

  #addItems(items: readonly PickleValue[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) throw this.#fail('CORRUPT', 'it adds items to something that is not a set');
    this.budget.charge(PLACE_COST * items.length, 'pickle');
    for (const item of items) set.add(this.#key(item));
  }

  #key(value: PickleValue | undefined): PickleKey {
    if (value !== undefined && isKey(value)) return value;
    throw this.#fail('UNSUPPORTED', 'a dict or set has a key that is neither text nor a number nor fixed');
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pushContainer(value: PickleValue): void {
    this.budget.charge(CONTAINER_COST, 'pickle');
    this.#push(value);
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.length > (this.#marks.at(-1) ?? 0) ? this.#stack.at(-1) : undefined;
    if (value === undefined) throw this.#fail('CORRUPT', 'it takes a value from an empty stack');
    return value;
  }

  #popCount(count: number): PickleValue[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) {
      throw this.#fail('CORRUPT', 'it takes a value from an empty stack');
    }
    return this.#stack.splice(-count);
  }

  #popMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#fail('CORRUPT', 'it closes a mark that was never set');
    return this.#stack.splice(mark);
  }

  #remember(index: number): void {
    this.budget.charge(PLACE_COST, 'pickle');
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#fail('CORRUPT', `it recalls memo ${index}, which was never stored`);
    this.#push(value);
  }

  #fail(code: 'CORRUPT' | 'UNSUPPORTED', problem: string): CheckpointError {
    return pickleError(code, this.#opcodeAt, problem);
  }
}
