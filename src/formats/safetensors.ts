/**
 * The safetensors format: 8 bytes little-endian header length, a JSON header, then the tensors' bytes back to back
 * (https://huggingface.co/docs/safetensors, "Format"). Nothing in such a file can be executed.
 */

import type { StateDict } from '../model/stateDict.ts';
import { checkedProduct, MemoryBudget } from './budget.ts';
import { type DType, decodeElements, type ElementArray, HOST_ARRAY, ITEM_SIZE, isDType } from './dtype.ts';
import { CheckpointError, corrupt, DOWNLOAD_AGAIN, quoted, withCheckpointErrors } from './error.ts';
import { FORBIDDEN_KEYS } from './jsonCursor.ts';
import { type HeaderEntry, METADATA_KEY, parseHeader, WHERE, WRITE_AGAIN } from './safetensorsHeader.ts';

/** A tensor of a file, row-major; `data.length` is the product of `shape`. */
export interface NamedArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ElementArray;
}

/** Name float32 values as a file stores them. */
export const float32Arrays = (stateDict: StateDict): Map<string, NamedArray> =>
  new Map([...stateDict].map(([name, { shape, data }]) => [name, { dtype: 'F32', shape, data }]));

/** The content of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, NamedArray>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A tensor of a file whose bytes are not yet decoded. */
export interface StoredTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const LENGTH_BYTES = 8;
const MAX_HEADER = 100_000_000;
const OPEN_BRACE = 0x7b;
const SPACE = 0x20;

/** Return true if the bytes could be safetensors: a header length, then `{`. */
export function looksLikeSafetensors(bytes: Uint8Array): boolean {
  return bytes[LENGTH_BYTES] === OPEN_BRACE && headerLength(bytes) <= MAX_HEADER;
}

/** Read a whole file. @throws CheckpointError for any invalid bytes; no other error. */
export function readSafetensors(bytes: Uint8Array, name = 'safetensors file'): SafetensorsFile {
  return withCheckpointErrors(name, () => {
    const budget = new MemoryBudget(bytes.length);
    const { tensors, metadata } = openSafetensors(bytes, budget);
    const decoded = new Map<string, NamedArray>();
    for (const [tensor, { dtype, shape, bytes: stored }] of tensors) {
      const itemSize = dtype === 'F16' || dtype === 'BF16' ? 4 : ITEM_SIZE[dtype];
      budget.charge((stored.length / ITEM_SIZE[dtype]) * itemSize, quoted(tensor));
      decoded.set(tensor, { dtype, shape, data: decodeElements(dtype, stored) });
    }
    return { tensors: decoded, metadata };
  });
}

/** Check the layout of a file by the format's rules, and return its tensors as views, in the header's order. */
export function openSafetensors(bytes: Uint8Array, budget: MemoryBudget) {
  const dataStart = checkPreamble(bytes);
  const { entries, metadata } = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), budget);
  checkCoverage(entries, bytes.length - dataStart);
  const tensors = new Map<string, StoredTensor>();
  for (const entry of entries) {
    const dtype = checkEntry(entry);
    const data = bytes.subarray(dataStart + entry.begin, dataStart + entry.end);
    tensors.set(entry.name, { dtype, shape: entry.shape, bytes: data });
  }
  return { tensors, metadata };
}

function headerLength(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.byteLength < LENGTH_BYTES ? Number.NaN : Number(view.getBigUint64(0, true));
}

/** Check the header's length, and return the offset of the tensors' bytes. */
function checkPreamble(bytes: Uint8Array): number {
  const length = headerLength(bytes);
  if (!looksLikeSafetensors(bytes)) {
    const problem = 'it does not begin with a header length and {';
    throw new CheckpointError('NOT_A_CHECKPOINT', WHERE, problem, 'give a .safetensors file');
  }
  if (LENGTH_BYTES + length > bytes.length) {
    const problem = `the header is ${length} bytes long but only ${bytes.length - LENGTH_BYTES} are there`;
    throw new CheckpointError('TRUNCATED', WHERE, problem, DOWNLOAD_AGAIN);
  }
  return LENGTH_BYTES + length;
}

/** Check that tensors are contiguous from 0 to the end of the file, without gaps that hide bytes, and without overlaps. */
function checkCoverage(entries: readonly HeaderEntry[], dataLength: number): void {
  const inFileOrder = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const { name, begin, end } of inFileOrder) {
    if (begin !== reached || end < begin) {
      const problem = `its bytes ${begin} … ${end} do not follow the previous tensor, which ends at ${reached}`;
      throw written(name, problem);
    }
    reached = end;
  }
  if (reached > dataLength) {
    const problem = `the tensors need ${reached} bytes but only ${dataLength} are there`;
    throw new CheckpointError('TRUNCATED', 'safetensors data', problem, DOWNLOAD_AGAIN);
  }
  if (reached < dataLength) {
    const problem = `${dataLength - reached} bytes belong to no tensor`;
    throw corrupt('safetensors data', problem);
  }
}

function checkEntry({ name, dtype, shape, begin, end }: HeaderEntry): DType {
  if (!isDType(dtype)) {
    const fix = `save it as one of ${Object.keys(ITEM_SIZE).join(', ')}`;
    throw new CheckpointError('WRONG_DTYPE', quoted(name), `its dtype ${quoted(dtype)} is unknown`, fix);
  }
  const byteLength = checkedProduct([...shape, ITEM_SIZE[dtype]]);
  if (byteLength !== end - begin) {
    throw written(name, `${dtype} of shape [${shape.join(', ')}] does not fill its ${end - begin} bytes`);
  }
  return dtype;
}

/** Return the error for a tensor that was written wrongly. */
function written(tensor: string, problem: string): CheckpointError {
  return new CheckpointError('CORRUPT', quoted(tensor), problem, WRITE_AGAIN);
}

/**
 * Write a file. The header is padded to 8 bytes, and all tensors are aligned (widest items first, otherwise in the map's
 * order). F16 and BF16 cannot be written. @throws CheckpointError for tensors that the format cannot hold.
 */
export function writeSafetensors(
  { tensors, metadata }: SafetensorsFile,
  name = 'safetensors file',
): Uint8Array {
  return withCheckpointErrors(name, () => {
    const ordered = [...tensors].sort(([, a], [, b]) => ITEM_SIZE[b.dtype] - ITEM_SIZE[a.dtype]);
    const fields = metadata.size > 0 ? [metadataField(metadata)] : [];
    let end = 0;
    for (const [tensor, array] of ordered) {
      const begin = end;
      end += checkWritable(tensor, array);
      const value = { dtype: array.dtype, shape: array.shape, data_offsets: [begin, end] };
      fields.push(`${JSON.stringify(tensor)}:${JSON.stringify(value)}`);
    }
    const header = encodeHeader(fields);
    const file = new Uint8Array(header.length + end);
    file.set(header);
    let at = header.length;
    for (const [, { data }] of ordered) {
      file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
      at += data.byteLength;
    }
    return file;
  });
}

/** Return the length field and the JSON object, padded with spaces to a multiple of 8. */
function encodeHeader(fields: readonly string[]): Uint8Array {
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER) {
    const problem = `the header would have ${padded} bytes, the format allows ${MAX_HEADER}`;
    throw new CheckpointError('TOO_LARGE', WHERE, problem, 'write fewer tensors or less metadata');
  }
  const header = new Uint8Array(LENGTH_BYTES + padded).fill(SPACE);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, LENGTH_BYTES);
  return header;
}

function metadataField(metadata: ReadonlyMap<string, string>): string {
  const pairs = [...metadata].map(([key, value]) => {
    checkKey(key);
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  return `${JSON.stringify(METADATA_KEY)}:{${pairs.join(',')}}`;
}

function checkKey(key: string): void {
  if (!FORBIDDEN_KEYS.has(key)) return;
  const problem = 'this key is not allowed in a file';
  throw new CheckpointError('CORRUPT', quoted(key), problem, 'choose another name');
}

/** Check a tensor, and return its length in bytes. */
function checkWritable(tensor: string, { dtype, shape, data }: NamedArray): number {
  checkKey(tensor);
  if (tensor === METADATA_KEY) {
    const problem = 'a tensor cannot have this name';
    throw new CheckpointError('CORRUPT', quoted(tensor), problem, 'choose another name');
  }
  if (dtype === 'F16' || dtype === 'BF16' || !(data instanceof HOST_ARRAY[dtype])) {
    const problem = `its ${data.constructor.name} cannot be written as ${dtype}`;
    throw new CheckpointError('WRONG_DTYPE', quoted(tensor), problem, 'write it as F32 from a Float32Array');
  }
  const elements = shape.every((side) => Number.isSafeInteger(side) && side >= 0)
    ? checkedProduct(shape)
    : undefined;
  if (elements !== data.length) {
    const problem = `shape [${shape.join(', ')}] does not fit its ${data.length} elements`;
    throw new CheckpointError('TENSOR_MISMATCH', quoted(tensor), problem, 'give the shape of the data');
  }
  return data.byteLength;
}
