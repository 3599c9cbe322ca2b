/** Read the operands of a pickle's opcodes: numbers, strings and lines, never past the end of the bytes. */

import type { MemoryBudget } from '../budget.ts';
import { CheckpointError, DOWNLOAD_AGAIN } from '../error.ts';

/** Maximum length of an integer. States of random generators have integers of a few hundred bits. */
const MAX_LONG_BYTES = 1024;
/** Maximum length of a line. Accepted names are much shorter; the bound also limits the search for a line end. */
const MAX_LINE = 256;

export class PickleCursor {
  readonly #view: DataView;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #at: number;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    private readonly budget: MemoryBudget,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
  }

  /** Offset of the next byte. */
  get at(): number {
    return this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** Read an integer. It is exact up to 2^53; larger values exceed any file, and fail when they are used. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** Read a float64, the only big-endian field of the format. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** Read little-endian two's complement of `length` bytes. Exact values become a `number`. */
  long(length: number): number | bigint {
    if (length > MAX_LONG_BYTES) throw pickleError('UNSUPPORTED', this.#at, `an integer has ${length} bytes`);
    this.budget.charge(length, 'pickle');
    const digits = Array.from(this.take(length), (byte) => byte.toString(16).padStart(2, '0'));
    const signed = BigInt.asIntN(8 * length, BigInt(`0x0${digits.reverse().join('')}`));
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  text(length: number): string {
    const start = this.#at;
    const bytes = this.take(length);
    this.budget.charge(2 * length, 'pickle');
    try {
      return this.#utf8.decode(bytes);
    } catch (cause) {
      throw pickleError('CORRUPT', start, 'a text is not UTF-8', cause);
    }
  }

  /** Read text up to a line end, and skip the line end. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end === -1) this.need(MAX_LINE);
    if (end === -1 || end - this.#at > MAX_LINE)
      throw pickleError('CORRUPT', this.#at, 'a name does not end');
    const text = this.text(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.bytes.subarray(start, start + length);
  }

  /** @throws CheckpointError `TRUNCATED` unless `length` more bytes exist. */
  need(length: number): void {
    if (length <= this.bytes.length - this.#at) return;
    throw pickleError('TRUNCATED', this.#at, 'the pickle ends in the middle of a value');
  }

  #advance(length: number): number {
    this.need(length);
    this.#at += length;
    return this.#at - length;
  }
}

/** Return an error at a byte of a pickle. */
export function pickleError(
  code: 'CORRUPT' | 'TRUNCATED' | 'UNSUPPORTED',
  at: number,
  problem: string,
  cause?: unknown,
): CheckpointError {
  const fix =
    code === 'UNSUPPORTED' ? 'save it again with torch.save(model.state_dict(), …)' : DOWNLOAD_AGAIN;
  return new CheckpointError(code, `pickle byte ${at}`, problem, fix, { cause });
}
