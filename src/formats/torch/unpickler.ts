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

/**
 * Read the pickle that begins at `start`. Return its value and the offset after its STOP.
 * @throws CheckpointError
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  hooks: PickleHooks,
  budget: MemoryBudget,
): { readonly value: PickleValue; readonly end: number } {
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
      if (!this.#scalar(opcode) && !this.#container(opcode) && !this.#structure(opcode)) {
        throw this.#fail('UNSUPPORTED', `opcode 0x${opcode.toString(16).padStart(2, '0')} is not accepted`);
      }
    }
  }

  /** Opcodes that push one constant. */
  #scalar(opcode: number): boolean {
    switch (opcode) {
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#cursor.uint8());
      case 0x4d: // BININT2
        return this.#push(this.#cursor.uint16());
      case 0x4a: // BININT
        return this.#push(this.#cursor.uint32() | 0);
      case 0x8a: // LONG1
        return this.#push(this.#cursor.long(this.#cursor.uint8()));
      case 0x8b: // LONG4
        return this.#push(this.#cursor.long(this.#cursor.uint32()));
      case 0x47: // BINFLOAT, big-endian in every pickle
        return this.#push(this.#cursor.float64());
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING: Python 2's str
        return this.#push(this.#cursor.text(this.#cursor.uint8()));
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING
        return this.#push(this.#cursor.text(this.#cursor.uint32()));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#cursor.text(this.#cursor.uint64()));
      case 0x43: // SHORT_BINBYTES
        return this.#pushContainer(this.#cursor.take(this.#cursor.uint8()));
      case 0x42: // BINBYTES
        return this.#pushContainer(this.#cursor.take(this.#cursor.uint32()));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#pushContainer(this.#cursor.take(this.#cursor.uint64()));
      default:
        return false;
    }
  }

  /** Opcodes that make or fill tuples, lists, dicts and sets. */
  #container(opcode: number): boolean {
    switch (opcode) {
      case 0x29: // EMPTY_TUPLE
        return this.#pushContainer(new PickleTuple([]));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#pushContainer(new PickleTuple(this.#popCount(opcode - 0x84)));
      case 0x74: // TUPLE
        return this.#pushContainer(new PickleTuple(this.#popMark()));
      case 0x5d: // EMPTY_LIST
        return this.#pushContainer([]);
      case 0x6c: // LIST
        return this.#pushContainer(this.#popMark());
      case 0x61: // APPEND
        return this.#append(this.#popCount(1));
      case 0x65: // APPENDS
        return this.#append(this.#popMark());
      case 0x7d: // EMPTY_DICT
        return this.#pushContainer(new Map());
      case 0x64: {
        const items = this.#popMark(); // DICT
        return this.#pushContainer(new Map()) && this.#setItems(items);
      }
      case 0x73: // SETITEM
        return this.#setItems(this.#popCount(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#popMark());
      case 0x8f: // EMPTY_SET
        return this.#pushContainer(new Set());
      case 0x90: // ADDITEMS
        return this.#addItems(this.#popMark());
      case 0x91: {
        const items = this.#popMark(); // FROZENSET
        return this.#pushContainer(new Set()) && this.#addItems(items);
      }
      default:
        return false;
    }
  }

  /** Opcodes for the stack, the memo, globals, calls and persistent ids. */
  #structure(opcode: number): boolean {
    switch (opcode) {
      case 0x80: // PROTO
        return this.#protocol(this.#cursor.uint8());
      case 0x95: // FRAME: only a hint for buffering, but its length must be there
        this.#cursor.need(this.#cursor.uint64());
        return true;
      case 0x28: // MARK
        this.#marks.push(this.#stack.length);
        return true;
      case 0x30: // POP
        this.#pop();
        return true;
      case 0x31: // POP_MARK
        this.#popMark();
        return true;
      case 0x32: // DUP
        return this.#push(this.#top());
      case 0x71: // BINPUT
        return this.#remember(this.#cursor.uint8());
      case 0x72: // LONG_BINPUT
        return this.#remember(this.#cursor.uint32());
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(this.#cursor.uint8());
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#cursor.uint32());
      case 0x63: // GLOBAL: two lines of text
        return this.#pushContainer(this.hooks.findGlobal(this.#cursor.line(), this.#cursor.line()));
      case 0x93: // STACK_GLOBAL
        return this.#stackGlobal();
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ: for the classes allowed, the same as calling them
        return this.#call();
      case 0x62: // BUILD
        return this.#build();
      case 0x51: // BINPERSID
        return this.#pushContainer(this.hooks.persistentLoad(this.#pop()));
      default:
        return false;
    }
  }

  #protocol(version: number): true {
    if (version < 2 || version > 5) throw this.#fail('UNSUPPORTED', `pickle protocol ${version} is not read`);
    return true;
  }

  #stackGlobal(): true {
    const [module, name] = this.#popCount(2);
    if (typeof module !== 'string' || typeof name !== 'string')
      throw this.#fail('CORRUPT', 'a global has no name');
    return this.#pushContainer(this.hooks.findGlobal(module, name));
  }

  #call(): true {
    const [callable, args] = this.#popCount(2);
    if (!(callable instanceof PickleGlobal) || !(args instanceof PickleTuple)) {
      throw this.#fail('CORRUPT', 'a call lacks its function or its arguments');
    }
    this.budget.charge(CONTAINER_COST, 'pickle');
    return this.#push(this.hooks.call(callable, args.items));
  }

  #build(): true {
    const state = this.#pop();
    if (this.hooks.setState(this.#top(), state)) return true;
    throw this.#fail('UNSUPPORTED', 'it sets the state of an object');
  }

  #append(items: readonly PickleValue[]): true {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#fail('CORRUPT', 'it appends to something that is not a list');
    for (const item of items) list.push(item);
    return true;
  }

  #setItems(items: readonly PickleValue[]): true {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw this.#fail('CORRUPT', 'it sets items of something that is not a dict');
    this.budget.charge((PLACE_COST * items.length) / 2, 'pickle');
    if (items.length % 2 !== 0) throw this.#fail('CORRUPT', 'a dict key has no value');
    for (let i = 0; i < items.length; i += 2) dict.set(this.#key(items[i]), items[i + 1] ?? null);
    return true;
  }

  #addItems(items: readonly PickleValue[]): true {
    const set = this.#top();
    if (!(set instanceof Set)) throw this.#fail('CORRUPT', 'it adds items to something that is not a set');
    this.budget.charge(PLACE_COST * items.length, 'pickle');
    for (const item of items) set.add(this.#key(item));
    return true;
  }

  #key(value: PickleValue | undefined): PickleKey {
    if (value !== undefined && isKey(value)) return value;
    throw this.#fail('UNSUPPORTED', 'a dict or set has a key that is neither text nor a number nor fixed');
  }

  #push(value: PickleValue): true {
    this.#stack.push(value);
    return true;
  }

  #pushContainer(value: PickleValue): true {
    this.budget.charge(CONTAINER_COST, 'pickle');
    return this.#push(value);
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

  #remember(index: number): true {
    this.budget.charge(PLACE_COST, 'pickle');
    this.#memo.set(index, this.#top());
    return true;
  }

  #recall(index: number): true {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#fail('CORRUPT', `it recalls memo ${index}, which was never stored`);
    return this.#push(value);
  }

  #fail(code: 'CORRUPT' | 'UNSUPPORTED', problem: string): CheckpointError {
    return pickleError(code, this.#opcodeAt, problem);
  }
}
