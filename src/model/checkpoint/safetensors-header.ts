/**
 * Parses the JSON header of a safetensors file by its schema, byte by byte. JSON.parse would hide duplicate keys,
 * give `__proto__` a meaning and build any structure a hostile file asks for; this accepts the format and no more:
 * one object of `name: {dtype, shape, data_offsets}` and an optional `__metadata__` of strings.
 */

import type { MemoryBudget } from './budget.ts';
import { CheckpointError, quoted } from './error.ts';

/** One tensor as the header declares it, unchecked but for its JSON types. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Byte offsets from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Map<string, string>;
  readonly entries: readonly HeaderEntry[];
}

export const METADATA_KEY = '__metadata__';

/** Keys that no tensor and no metadata entry may have: some readers would treat them as more than a name. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__']);

const WHERE = 'safetensors header';
const MAX_RANK = 16;
/** About what the objects of one entry weigh in memory. */
const ENTRY_COST = 1024;

/** Parses `bytes`, the header alone. Throws `CheckpointError` at the first byte that does not fit. */
export function parseHeader(bytes: Uint8Array, budget: MemoryBudget): SafetensorsHeader {
  const json = new JsonCursor(bytes);
  const entries: HeaderEntry[] = [];
  let metadata = new Map<string, string>();
  json.object((key) => {
    budget.charge(ENTRY_COST + 4 * key.length, WHERE);
    if (key === METADATA_KEY) metadata = parseMetadata(json, budget);
    else entries.push(parseEntry(json, key));
  });
  json.end();
  return { metadata, entries };
}

function parseMetadata(json: JsonCursor, budget: MemoryBudget): Map<string, string> {
  const metadata = new Map<string, string>();
  json.object((key) => {
    const value = json.string();
    budget.charge(ENTRY_COST + 2 * (key.length + value.length), WHERE);
    metadata.set(key, value);
  });
  return metadata;
}

function parseEntry(json: JsonCursor, name: string): HeaderEntry {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  json.object((key) => {
    if (key === 'dtype') dtype = json.string();
    else if (key === 'shape') shape = json.integers(MAX_RANK);
    else if (key === 'data_offsets') offsets = json.integers(2);
    else throw invalid(`tensor ${quoted(name)} has the unknown field ${quoted(key)}`);
  });
  const [begin, end] = offsets ?? [];
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
    throw invalid(`tensor ${quoted(name)} lacks its dtype, shape or two data_offsets`);
  }
  return { name, dtype, shape, begin, end };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const OBJECT = { open: 0x7b, close: 0x7d } as const;
const ARRAY = { open: 0x5b, close: 0x5d } as const;

class JsonCursor {
  readonly #bytes: Uint8Array;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Walks an object, calling `value` on each key with the cursor before its value; keys must differ. */
  object(value: (key: string) => void): void {
    const keys = new Set<string>();
    this.#sequence(OBJECT, () => {
      const key = this.string();
      if (FORBIDDEN_KEYS.has(key)) throw invalid(`the key ${quoted(key)} is not allowed`);
      if (keys.has(key)) throw invalid(`the key ${quoted(key)} occurs twice`);
      keys.add(key);
      this.#expect(COLON);
      value(key);
    });
  }

  integers(max: number): number[] {
    const values: number[] = [];
    this.#sequence(ARRAY, () => {
      if (values.length === max) throw invalid(`an array has more than ${max} numbers`);
      values.push(this.#integer());
    });
    return values;
  }

  string(): string {
    this.#expect(QUOTE);
    const start = this.#at;
    let escaped = false;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined || byte < 0x20) throw invalid(`a string is not closed at byte ${this.#at}`);
      if (byte === QUOTE) break;
      escaped ||= byte === BACKSLASH;
      this.#at += byte === BACKSLASH ? 2 : 1;
    }
    const text = this.#bytes.subarray(start, this.#at);
    this.#at += 1;
    try {
      const raw = this.#utf8.decode(text);
      return escaped ? String(JSON.parse(`"${raw}"`)) : raw;
    } catch (cause) {
      throw invalid(`the string at byte ${start} is not valid UTF-8 JSON`, cause);
    }
  }

  /** Only white space may follow: writers pad the header with it. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.#bytes.length) throw invalid(`there is text after the object, at byte ${this.#at}`);
  }

  #sequence({ open, close }: { readonly open: number; readonly close: number }, item: () => void): void {
    this.#expect(open);
    this.#skipSpace();
    if (this.#bytes[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      item();
      this.#skipSpace();
      const byte = this.#bytes[this.#at];
      if (byte !== COMMA && byte !== close) throw invalid(`unexpected text at byte ${this.#at}`);
      this.#at += 1;
      if (byte === close) return;
    }
  }

  #integer(): number {
    this.#skipSpace();
    const start = this.#at;
    let value = 0;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined || byte < DIGIT_0 || byte > DIGIT_9) break;
      value = value * 10 + (byte - DIGIT_0);
      if (!Number.isSafeInteger(value)) throw invalid(`the number at byte ${start} is too large`);
      this.#at += 1;
    }
    const leadingZero = this.#bytes[start] === DIGIT_0 && this.#at > start + 1;
    if (this.#at === start || leadingZero)
      throw invalid(`byte ${start} does not begin a non-negative integer`);
    return value;
  }

  #expect(byte: number): void {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== byte) {
      throw invalid(`expected ${quoted(String.fromCharCode(byte))} at byte ${this.#at}`);
    }
    this.#at += 1;
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }
}

function invalid(problem: string, cause?: unknown): CheckpointError {
  return new CheckpointError('CORRUPT', WHERE, problem, 'write the file again with a safetensors library', {
    cause,
  });
}
