/** Mutations of the headers of a zip archive, and of its compressed data with corrected checksums. */

import { constants, crc32, inflateRawSync } from 'node:zlib';
import { BYTE_MUTATIONS, type Mutation, pick, setInteger } from './byteMutations.ts';

/** Signature and fields (offset, size) of each header, from PKWARE's APPNOTE. */
const HEADERS: readonly { readonly signature: string; readonly fields: readonly (readonly [number, number])[] }[] = [
  { signature: 'PK\x01\x02', fields: [[4, 2], [6, 2], [8, 2], [10, 2], [16, 4], [20, 4], [24, 4], [28, 2], [30, 2], [32, 2], [34, 2], [38, 4], [42, 4], [46, 1]] },
  { signature: 'PK\x03\x04', fields: [[4, 2], [6, 2], [8, 2], [14, 4], [18, 4], [22, 4], [26, 2], [28, 2], [30, 1]] },
  { signature: 'PK\x05\x06', fields: [[4, 2], [6, 2], [8, 2], [10, 2], [12, 4], [16, 4], [20, 2]] },
  { signature: 'PK\x06\x06', fields: [[4, 8], [16, 4], [20, 4], [24, 8], [32, 8], [40, 8], [48, 8]] },
  { signature: 'PK\x06\x07', fields: [[4, 4], [8, 8], [16, 4]] },
]; // biome-ignore format: a table

const positionsOf = (file: Buffer, signature: string): number[] => {
  const found: number[] = [];
  for (
    let at = file.indexOf(signature, 0, 'latin1');
    at !== -1;
    at = file.indexOf(signature, at + 4, 'latin1')
  ) {
    found.push(at);
  }
  return found;
};

const asBuffer = (file: Uint8Array): Buffer => Buffer.from(file.buffer, file.byteOffset, file.byteLength);

/** Set one field of one header. */
export const editZipHeader: Mutation = (file, random) => {
  const { signature, fields } = pick(HEADERS, random);
  const positions = positionsOf(asBuffer(file), signature);
  if (positions.length === 0) return file;
  const [offset, size] = pick(fields, random);
  return setInteger(file, pick(positions, random) + offset, size, random);
};

/** Copy the fields of one header over another of its kind: two entries get the same name, offset or size. */
export const copyZipHeader: Mutation = (file, random) => {
  const { signature, fields } = pick(HEADERS.slice(0, 2), random);
  const positions = positionsOf(asBuffer(file), signature);
  if (positions.length === 0) return file;
  const [offset, size] = pick(fields, random);
  const copy = file.slice();
  const from = pick(positions, random) + offset;
  copy.set(
    file.subarray(from, Math.min(from + size, copy.length - 8)),
    Math.min(pick(positions, random) + offset, copy.length - 8),
  );
  return copy;
};

/** Change compressed bytes, and write the checksum and size of their new content to both headers. */
export const editDeflated: Mutation = (file, random) => {
  const bytes = asBuffer(file);
  const central = positionsOf(bytes, 'PK\x01\x02').filter(
    (at) => at + 46 <= file.length && bytes.readUInt16LE(at + 10) === 8,
  );
  if (central.length === 0) return file;
  const at = pick(central, random);
  const local = bytes.readUInt32LE(at + 42);
  if (local + 30 > file.length) return file;
  const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const stored = file.slice(start, start + bytes.readUInt32LE(at + 20));
  if (stored.length === 0) return file;
  const changed = pick(BYTE_MUTATIONS, random)(stored, random).subarray(0, stored.length);
  const copy = Buffer.from(file);
  copy.set(changed, start);
  const content = inflated(copy.subarray(start, start + stored.length));
  if (content !== undefined) {
    for (const header of [at + 16, local + 14]) {
      copy.writeUInt32LE(crc32(content), header);
      copy.writeUInt32LE(content.length, header + 8);
    }
  }
  return new Uint8Array(copy);
};

function inflated(data: Uint8Array): Uint8Array | undefined {
  try {
    return inflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 32 * 2 ** 20 });
  } catch {
    return undefined;
  }
}
