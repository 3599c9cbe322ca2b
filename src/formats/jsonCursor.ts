/**
 * Read JSON byte by byte, by the structure that the caller expects. JSON.parse would hide duplicate keys, give `__proto__` a
 * meaning, and build any structure of a hostile file.
 */

import { quoted } from './error.ts';

/** Keys that no object may have, since some readers treat them as more than a name. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__']);

/** Matches halves of surrogate pairs. Escapes can contain them, UTF-8 cannot. */
const LONE_SURROGATE = /\p{Cs}/u;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const OBJECT = { open: 0x7b, close: 0x7d } as const;
const ARRAY = { open: 0x5b, close: 0x5d } as const;

/** Read JSON from UTF-8 bytes, value by value. */
export class JsonCursor {
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #at = 0;

  /** `invalid` makes the error for a fault; `charge` is called with each string's memory before it is allocated. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly invalid: (problem: string, cause?: unknown) => Error,
    private readonly charge: (bytes: number) => void = () => {},
  ) {}

  /** Read an object: call `value` for each key, with the cursor before its value. Keys must differ. */
  object(value: (key: string) => void): void {
    const keys = new Set<string>();
    this.#sequence(OBJECT, () => {
      const key = this.string();
      if (FORBIDDEN_KEYS.has(key)) throw this.invalid(`the key ${quoted(key)} is not allowed`);
      if (keys.has(key)) throw this.invalid(`the key ${quoted(key)} occurs twice`);
      keys.add(key);
      this.#expect(COLON);
      value(key);
    });
  }

  /** Read an array of at most `max` non-negative integers below 2^53. */
  integers(max: number): number[] {
    const values: number[] = [];
    this.#sequence(ARRAY, () => {
      if (values.length === max) throw this.invalid(`an array has more than ${max} numbers`);
      values.push(this.#integer());
    });
    return values;
  }

  string(): string {
    this.#expect(QUOTE);
    const start = this.#at;
    let escaped = false;
    for (;;) {
      const byte = this.bytes[this.#at];
      if (byte === undefined || byte < 0x20) throw this.invalid(`a string is not closed at byte ${this.#at}`);
      if (byte === QUOTE) break;
      escaped ||= byte === BACKSLASH;
      this.#at += byte === BACKSLASH ? 2 : 1;
    }
    const text = this.bytes.subarray(start, this.#at);
    this.#at += 1;
    return escaped ? this.#unescape(text, start) : this.#decode(text, start);
  }

  /** Read a string, number, boolean or null. */
  scalar(): unknown {
    this.#skipSpace();
    const start = this.#at;
    if (this.bytes[start] === QUOTE) return this.string();
    while (isOfWord(this.bytes[this.#at])) this.#at += 1;
    const word = this.#decode(this.bytes.subarray(start, this.#at), start);
    try {
      return JSON.parse(word);
    } catch (cause) {
      throw this.invalid(`byte ${start} does not begin a text, number, boolean or null`, cause);
    }
  }

  /** Expect the end. Only white space may follow, with which writers pad the header. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.bytes.length)
      throw this.invalid(`there is text after the object, at byte ${this.#at}`);
  }

  #sequence({ open, close }: { readonly open: number; readonly close: number }, item: () => void): void {
    this.#expect(open);
    this.#skipSpace();
    if (this.bytes[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      item();
      this.#skipSpace();
      const byte = this.bytes[this.#at];
      if (byte !== COMMA && byte !== close) throw this.invalid(`unexpected text at byte ${this.#at}`);
      this.#at += 1;
      if (byte === close) return;
    }
  }

  #decode(text: Uint8Array, start: number): string {
    this.charge(2 * text.length);
    try {
      return this.#utf8.decode(text);
    } catch (cause) {
      throw this.invalid(`the text at byte ${start} is not valid UTF-8 JSON`, cause);
    }
  }

  #unescape(text: Uint8Array, start: number): string {
    const raw = this.#decode(text, start);
    // Between quotes, and without escapes: two more copies.
    this.charge(4 * text.length);
    let plain: string;
    try {
      plain = String(JSON.parse(`"${raw}"`));
    } catch (cause) {
      throw this.invalid(`the text at byte ${start} is not valid UTF-8 JSON`, cause);
    }
    if (LONE_SURROGATE.test(plain)) throw this.invalid(`the text at byte ${start} has half a character`);
    return plain;
  }

  #integer(): number {
    this.#skipSpace();
    const start = this.#at;
    let value = 0;
    for (;;) {
      const byte = this.bytes[this.#at];
      if (byte === undefined || byte < DIGIT_0 || byte > DIGIT_9) break;
      value = value * 10 + (byte - DIGIT_0);
      if (!Number.isSafeInteger(value)) throw this.invalid(`the number at byte ${start} is too large`);
      this.#at += 1;
    }
    const leadingZero = this.bytes[start] === DIGIT_0 && this.#at > start + 1;
    if (this.#at === start || leadingZero)
      throw this.invalid(`byte ${start} does not begin a non-negative integer`);
    return value;
  }

  #expect(byte: number): void {
    this.#skipSpace();
    if (this.bytes[this.#at] !== byte) {
      throw this.invalid(`expected ${quoted(String.fromCharCode(byte))} at byte ${this.#at}`);
    }
    this.#at += 1;
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }
}

/** Return true if a byte can belong to a number or a name such as `true`. */
function isOfWord(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0x20 && byte !== COMMA && byte !== OBJECT.close && byte !== ARRAY.close;
}
