/**
 * Read the ZIP archives of torch.save: directory, zip64, stored and deflated entries.
 *
 * The directory is read here because libraries copy stored entries, do not check CRCs, accept two headers that differ, and let
 * entries overlap, with which a small archive can cause hours of work.
 */

import type { MemoryBudget } from '../budget.ts';
import { CheckpointError, corrupt, DOWNLOAD_AGAIN, quoted } from '../error.ts';
import { extract, InflateLimit, type ZipEntry } from './zipContent.ts';

export interface ZipArchive {
  readonly names: readonly string[];
  /** The entry's bytes (a view of the file if stored), or undefined if there is no such entry. */
  read(name: string): Uint8Array | undefined;
}

interface PlacedEntry extends ZipEntry {
  /** Offset of the local header. */
  readonly start: number;
  /** Offset of the data. */
  readonly dataStart: number;
}

interface Directory {
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

/** The directory by the archive's end record: entries on this disk, entries in total, bytes, offset. */
interface EndRecord {
  readonly disks: number;
  readonly here: number;
  readonly count: number;
  readonly size: number;
  readonly start: number;
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
/** Bit of an entry's flags: its CRC and sizes follow the data, and are not in the local header. */
const DESCRIPTOR_FOLLOWS = 8;
const ENCRYPTED = 1;

/** Return true if the bytes begin like a ZIP archive. */
export function looksLikeZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03 && bytes[3] === 0x04;
}

/** Read and check the directory. Entries are inflated when they are read. @throws CheckpointError */
export function openZip(bytes: Uint8Array, budget: MemoryBudget): ZipArchive {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = readEntries(bytes, view, findDirectory(view), budget);
  const contents = new Map<string, Uint8Array>();
  const limit = new InflateLimit(bytes.length);
  return {
    names: [...entries.keys()],
    read(name) {
      const entry = entries.get(name);
      if (!entry) return undefined;
      const known = contents.get(name);
      if (known) return known;
      const content = extract(entry, budget, limit);
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
  const written = {
    disks: view.getUint16(at + 4, true) + view.getUint16(at + 6, true),
    here: view.getUint16(at + 8, true),
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    start: view.getUint32(at + 16, true),
  };
  const locator = at - LOCATOR64_LENGTH;
  if (locator < 0 || view.getUint32(locator, true) !== LOCATOR64) return checkedDirectory(written, at);
  const { wide, at: wideAt } = readEnd64(view, locator);
  const agree =
    isSameOrFull(written.count, wide.count, IN_FIELD_64 >>> 16) &&
    isSameOrFull(written.size, wide.size, IN_FIELD_64) &&
    isSameOrFull(written.start, wide.start, IN_FIELD_64);
  if (!agree) throw corrupt(DIRECTORY, 'its two end records disagree');
  return checkedDirectory(wide, wideAt);
}

/** Return true if a field equals the value, or has only 1 bits because it is too narrow for the value. */
function isSameOrFull(field: number, value: number, full: number): boolean {
  return field === value || field === full;
}

function readEnd64(view: DataView, locator: number): { readonly wide: EndRecord; readonly at: number } {
  const at = getUint64(view, locator + 8);
  const found = at <= locator - 56 && view.getUint32(at, true) === END64;
  if (!found || at + 12 + getUint64(view, at + 4) !== locator) {
    throw corrupt(DIRECTORY, 'its zip64 record is not where it should be');
  }
  const wide = {
    disks: view.getUint32(at + 16, true) + view.getUint32(at + 20, true) + view.getUint32(locator + 4, true),
    here: getUint64(view, at + 24),
    count: getUint64(view, at + 32),
    size: getUint64(view, at + 40),
    start: getUint64(view, at + 48),
  };
  return { wide, at };
}

/** `limit`: where the record itself begins, which is where the directory must end. */
function checkedDirectory({ disks, here, count, start, size }: EndRecord, limit: number): Directory {
  if (disks !== 0 || here !== count) throw unsupported(DIRECTORY, 'the archive is split over several files');
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
): Map<string, PlacedEntry> {
  const entries = new Map<string, PlacedEntry>();
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
  if (at !== directory.end) throw corrupt(DIRECTORY, `it holds more than its ${directory.count} entries`);
  const placed = [...entries.values()];
  checkDisjoint(placed);
  // Check this after disjointness: overlapping headers of hostile entries could be read again and again.
  for (const entry of placed) checkLocalHeader(view, entry);
  return entries;
}

function readEntry(bytes: Uint8Array, view: DataView, at: number, dataLimit: number): PlacedEntry {
  const nameLength = view.getUint16(at + 28, true);
  const nameBytes = bytes.subarray(at + 46, at + 46 + nameLength);
  const name = decodeName(nameBytes);
  const method = view.getUint16(at + 10, true);
  if ((view.getUint16(at + 8, true) & ENCRYPTED) !== 0)
    throw unsupported(quoted(name), 'the entry is encrypted');
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
  return { name, deflated: method === 8, crc: view.getUint32(at + 16, true), size, start, dataStart, data };
}

/** Return the offset of an entry's data; undefined if its local header is missing or names another entry. */
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

/** Read the fields that exceed 32 bits: the zip64 extra field has them in this order. */
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

/** Check that entries do not overlap: otherwise one compressed block could be inflated once for each of many names. */
function checkDisjoint(entries: PlacedEntry[]): void {
  entries.sort((a, b) => a.start - b.start);
  let reached = 0;
  for (const { name, start, dataStart, data } of entries) {
    if (start < reached) throw corrupt(quoted(name), 'it overlaps another entry of the archive');
    reached = dataStart + data.length;
  }
}

/** Check that the local header agrees with the directory: otherwise other readers would see different content. */
function checkLocalHeader(
  view: DataView,
  { name, deflated, crc, size, start, dataStart, data }: PlacedEntry,
): void {
  const flags = view.getUint16(start + 6, true);
  const extra = { at: dataStart - view.getUint16(start + 28, true), end: dataStart };
  const [localSize, localStored] = wideFields(view, extra, [
    view.getUint32(start + 22, true),
    view.getUint32(start + 18, true),
    0,
  ]);
  const local = [view.getUint32(start + 14, true), localSize, localStored];
  const told = [crc, size, data.length];
  const later = (flags & DESCRIPTOR_FOLLOWS) !== 0;
  const agrees =
    (flags & ENCRYPTED) === 0 &&
    view.getUint16(start + 8, true) === (deflated ? 8 : 0) &&
    local.every((value, field) => value === told[field] || (later && value === 0));
  if (!agrees) throw corrupt(quoted(name), 'its own header does not say what the directory says');
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeName(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw corrupt(DIRECTORY, 'an entry name is not UTF-8', cause);
  }
}

/** A 64-bit length; values past 2^53 fail every comparison with a real file's length anyway. */
function getUint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function unsupported(where: string, problem: string): CheckpointError {
  return new CheckpointError('UNSUPPORTED', where, problem, 'save it again with torch.save');
}
