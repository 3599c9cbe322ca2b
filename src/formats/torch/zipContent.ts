/**
 * The bytes of a ZIP entry: inflating, CRC, and the bound on what compressed data may become.
 *
 * Inflating is pako's, a port of zlib: it decodes with small tables into one array of the declared size. Decoders that
 * build a full table for every block need seconds for 100 kB of empty blocks.
 */

import { Inflate } from 'pako';
import { crc32 } from '../../base/crc.ts';
import type { MemoryBudget } from '../budget.ts';
import { CheckpointError, corrupt, quoted } from '../error.ts';

/** The position of an entry's bytes, and the directory's description of them. */
export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  readonly crc: number;
  /** Bytes once inflated. */
  readonly size: number;
  /** The bytes as they lie in the file. */
  readonly data: Uint8Array;
}

/** DEFLATE's best case is a match of 258 bytes in two bits. */
const MAX_RATIO = 1032;

/** Maximum inflated size of all compressed entries together. Weights hardly compress, so real files are far below it. */
export class InflateLimit {
  readonly #limit: number;
  #used = 0;

  constructor(fileBytes: number) {
    this.#limit = 10 * fileBytes + 16_000_000;
  }

  /** Throws `CheckpointError` if `entry` cannot be what it says, or all so far are more than the file may hold. */
  admit({ name, size, data }: ZipEntry): void {
    if (size > MAX_RATIO * data.length) {
      throw corrupt(quoted(name), `${data.length} compressed bytes cannot become ${size}`);
    }
    this.#used += size;
    if (this.#used <= this.#limit) return;
    const problem = `the archive inflates to more than ${this.#limit} bytes`;
    throw new CheckpointError('TOO_LARGE', quoted(name), problem, 'do not trust this file');
  }
}

/** The entry's content, a view of the file if it is stored. Throws `CheckpointError`. */
export function extract(entry: ZipEntry, budget: MemoryBudget, limit: InflateLimit): Uint8Array {
  const content = entry.deflated ? inflate(entry, budget, limit) : entry.data;
  // torch.save can be told not to compute CRCs and then writes 0.
  if (entry.crc !== 0 && crc32(content) !== entry.crc) {
    throw corrupt(quoted(entry.name), 'its checksum does not match: bytes have changed since it was written');
  }
  return content;
}

function inflate(entry: ZipEntry, budget: MemoryBudget, limit: InflateLimit): Uint8Array {
  const { name, size, data } = entry;
  limit.admit(entry);
  budget.charge(size + 1, quoted(name));
  let content = new Uint8Array();
  // One piece of output, one byte longer than declared: only what is too long fills it.
  const stream = new Inflate({ raw: true, chunkSize: size + 1 });
  stream.onData = (piece) => {
    if (piece.length > size) throw corrupt(quoted(name), `it inflates to more than its ${size} bytes`);
    content = piece;
  };
  stream.onEnd = () => {};
  if (!stream.push(data, true)) throw corrupt(quoted(name), `its compressed data is damaged (${stream.msg})`);
  if (content.length !== size) {
    throw corrupt(quoted(name), `it inflates to ${content.length} bytes instead of ${size}`);
  }
  return content;
}
