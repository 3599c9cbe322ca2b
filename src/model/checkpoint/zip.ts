/**
 * Reads the ZIP archives of torch.save: directory, zip64, stored and deflated entries, CRC.
 *
 * Inflating is fflate's; the directory is read here because its `unzipSync` copies stored entries, checks no CRC and
 * lets entries overlap, which is how a small archive asks for hours of work.
 */

import { Inflate } from 'fflate';
import type { MemoryBudget } from './budget.ts';
import { CheckpointError, DOWNLOAD_AGAIN, quoted } from './error.ts';

export interface ZipArchive {
  readonly names: readonly string[];
  /** The entry's bytes (a view of the file if stored), or undefined if there is no such entry. */
  read(name: string): Uint8Array | undefined;
}

interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  readonly crc: number;
  readonly size: number;
  /** Offset of the local header. */
  readonly start: number;
  readonly data: Uint8Array;
}

interface Directory {
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const END_LENGTH = 22;
const LOCATOR64_LENGTH = 20;
const ENTRY_COST = 512;
const ZIP64_FIELD = 1;
const IN_FIELD_64 = 0xffffffff;
const DIRECTORY = 'zip directory';
/** Compressed bytes inflated at a time: they yield at most 1032 times as many, so a bomb is seen early. */
const INFLATE_STEP = 4096;

/** Whether the bytes begin as a ZIP archive does. */
export function looksLikeZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03 && bytes[3] === 0x04;
}

/** Reads and checks the directory; entries are inflated when read. Throws `CheckpointError`. */
export function openZip(bytes: Uint8Array, budget: MemoryBudget): ZipArchive {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = readEntries(bytes, view, findDirectory(view), budget);
  const contents = new Map<string, Uint8Array>();
  return {
    names: [...entries.keys()],
    read(name) {
      const entry = entries.get(name);
      if (!entry) return undefined;
      const known = contents.get(name);
      if (known) return known;
      const content = extract(entry, budget);
      contents.set(name, content);
      return content;
    },
  };
}

function findDirectory(view: DataView): Directory {
  const first = Math.max(0, view.byteLength - END_LENGTH - 0xffff);
  for (let at = view.byteLength - END_LENGTH; at >= first; at--) {
    const commentEnds = view.getUint32(at, true) === END && at + END_LENGTH + view.getUint16(at + 20, true);
    if (commentEnds === view.byteLength) return readEnd(view, at);
  }
  throw new CheckpointError('TRUNCATED', DIRECTORY, 'the archive ends before its directory', DOWNLOAD_AGAIN);
}

function readEnd(view: DataView, at: number): Directory {
  const locator = at - LOCATOR64_LENGTH;
  if (locator >= 0 && view.getUint32(locator, true) === LOCATOR64) return readEnd64(view, locator);
  const disks = view.getUint16(at + 4, true) + view.getUint16(at + 6, true);
  const size = view.getUint32(at + 12, true);
  const start = view.getUint32(at + 16, true);
  return checkedDirectory({ disks, count: view.getUint16(at + 10, true), start, size, limit: at });
}

function readEnd64(view: DataView, locator: number): Directory {
  const at = getUint64(view, locator + 8);
  if (at > locator - 56 || view.getUint32(at, true) !== END64) {
    throw corrupt(DIRECTORY, 'its zip64 record is not where it should be');
  }
  const disks = view.getUint32(at + 16, true) + view.getUint32(at + 20, true);
  const size = getUint64(view, at + 40);
  const start = getUint64(view, at + 48);
  return checkedDirectory({ disks, count: getUint64(view, at + 32), start, size, limit: at });
}

function checkedDirectory(
  found: Readonly<Record<'disks' | 'count' | 'start' | 'size' | 'limit', number>>,
): Directory {
  const { disks, count, start, size, limit } = found;
  if (disks !== 0) throw unsupported(DIRECTORY, 'the archive is split over several files');
  // Each entry takes at least 46 bytes, so this bounds the count too.
  if (start + size !== limit || count * 46 > size) {
    throw corrupt(DIRECTORY, `${count} entries in ${size} bytes at ${start} do not fit the file`);
  }
  return { count, start, end: limit };
}

function readEntries(
  bytes: Uint8Array,
  view: DataView,
  directory: Directory,
  budget: MemoryBudget,
): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  let at = directory.start;
  for (let index = 0; index < directory.count; index++) {
    if (at + 46 > directory.end || view.getUint32(at, true) !== CENTRAL) {
      throw corrupt(DIRECTORY, `entry ${index} of ${directory.count} is damaged`);
    }
    const next =
      at + 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > directory.end) throw corrupt(DIRECTORY, `entry ${index} runs past the directory`);
    budget.charge(ENTRY_COST + 2 * view.getUint16(at + 28, true), DIRECTORY);
    const entry = readEntry(bytes, view, at, directory.start);
    if (entries.has(entry.name))
      throw corrupt(quoted(entry.name), 'the archive holds two entries of this name');
    entries.set(entry.name, entry);
    at = next;
  }
  checkDisjoint([...entries.values()]);
  return entries;
}

function readEntry(bytes: Uint8Array, view: DataView, at: number, dataLimit: number): ZipEntry {
  const nameLength = view.getUint16(at + 28, true);
  const nameBytes = bytes.subarray(at + 46, at + 46 + nameLength);
  const name = decodeName(nameBytes);
  const method = view.getUint16(at + 10, true);
  if ((view.getUint16(at + 8, true) & 1) !== 0) throw unsupported(quoted(name), 'the entry is encrypted');
  if (method !== 0 && method !== 8)
    throw unsupported(quoted(name), `compression method ${method} is not known`);
  const extra = { at: at + 46 + nameLength, end: at + 46 + nameLength + view.getUint16(at + 30, true) };
  const [size, stored, start] = wideFields(view, extra, [
    view.getUint32(at + 24, true),
    view.getUint32(at + 20, true),
    view.getUint32(at + 42, true),
  ]);
  if (method === 0 && size !== stored) throw corrupt(quoted(name), 'its stored and original sizes differ');
  const dataStart = localDataStart(bytes, view, start, nameBytes, dataLimit);
  if (dataStart === undefined || dataStart + stored > dataLimit) {
    throw corrupt(quoted(name), 'its data is not where the directory says');
  }
  const data = bytes.subarray(dataStart, dataStart + stored);
  return { name, deflated: method === 8, crc: view.getUint32(at + 16, true), size, start, data };
}

/** Where an entry's data begins, or undefined if its local header is not there or names another entry. */
function localDataStart(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  name: Uint8Array,
  limit: number,
): number | undefined {
  if (start + 30 > limit || view.getUint32(start, true) !== LOCAL) return undefined;
  if (view.getUint16(start + 26, true) !== name.length) return undefined;
  const localName = bytes.subarray(start + 30, start + 30 + name.length);
  if (!name.every((byte, i) => byte === localName[i])) return undefined;
  return start + 30 + name.length + view.getUint16(start + 28, true);
}

/** Fields that do not fit 32 bits stand, in this order, in the zip64 extra field. */
function wideFields(
  view: DataView,
  extra: { readonly at: number; readonly end: number },
  fields: readonly [number, number, number],
): [number, number, number] {
  let wide = { at: 0, end: 0 };
  for (let at = extra.at; at + 4 <= extra.end; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === ZIP64_FIELD && end <= extra.end) wide = { at: at + 4, end };
    at = end;
  }
  const resolve = (field: number): number => {
    if (field !== IN_FIELD_64 || wide.at + 8 > wide.end) return field;
    wide = { at: wide.at + 8, end: wide.end };
    return getUint64(view, wide.at - 8);
  };
  const [size, stored, start] = fields;
  return [resolve(size), resolve(stored), resolve(start)];
}

/** Overlapping entries would let one compressed block be inflated as often as there are names for it. */
function checkDisjoint(entries: ZipEntry[]): void {
  entries.sort((a, b) => a.start - b.start);
  let reached = 0;
  for (const { name, start, data } of entries) {
    if (start < reached) throw corrupt(quoted(name), 'it overlaps another entry of the archive');
    reached = start + 30 + data.length;
  }
}

function extract(entry: ZipEntry, budget: MemoryBudget): Uint8Array {
  const content = entry.deflated ? inflate(entry, budget) : entry.data;
  // torch.save can be told not to compute CRCs and then writes 0.
  if (entry.crc !== 0 && crc32(content) !== entry.crc) {
    throw corrupt(quoted(entry.name), 'its checksum does not match: bytes have changed since it was written');
  }
  return content;
}

function inflate({ name, size, data }: ZipEntry, budget: MemoryBudget): Uint8Array {
  budget.charge(size, quoted(name));
  const content = new Uint8Array(size);
  let filled = 0;
  const stream = new Inflate((piece) => {
    if (filled + piece.length > size)
      throw corrupt(quoted(name), `it inflates to more than its ${size} bytes`);
    content.set(piece, filled);
    filled += piece.length;
  });
  try {
    for (let at = 0; at < data.length; at += INFLATE_STEP) {
      stream.push(data.subarray(at, at + INFLATE_STEP), at + INFLATE_STEP >= data.length);
    }
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw corrupt(quoted(name), 'its compressed data is damaged', cause);
  }
  if (filled !== size) throw corrupt(quoted(name), `it inflates to ${filled} bytes instead of ${size}`);
  return content;
}

function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw corrupt(DIRECTORY, 'an entry name is not UTF-8', cause);
  }
}

/** A 64-bit length; values past 2^53 fail every comparison with a real file's length anyway. */
function getUint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 of ISO 3309, as ZIP and PNG use it. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function corrupt(where: string, problem: string, cause?: unknown): CheckpointError {
  return new CheckpointError('CORRUPT', where, problem, DOWNLOAD_AGAIN, { cause });
}

function unsupported(where: string, problem: string): CheckpointError {
  return new CheckpointError('UNSUPPORTED', where, problem, 'save it again with torch.save');
}
