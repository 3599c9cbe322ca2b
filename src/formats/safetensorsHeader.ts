/**
 * Parse the JSON header of a safetensors file by its schema: one object of `name: {dtype, shape, data_offsets}`, and an
 * optional `__metadata__` of strings.
 */

import type { MemoryBudget } from './budget.ts';
import { CheckpointError, quoted } from './error.ts';
import { JsonCursor } from './jsonCursor.ts';

/** A tensor in the header. Only its JSON types are checked. */
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

/** The place of errors about the header, and the fix of what another program wrote. */
export const WHERE = 'safetensors header';
export const WRITE_AGAIN = 'write the file again with a safetensors library';
const MAX_RANK = 16;
/** Approximate memory of the objects of an entry, in bytes. */
const ENTRY_COST = 1024;

/** Parse `bytes`, which are only the header. @throws CheckpointError at the first invalid byte. */
export function parseHeader(bytes: Uint8Array, budget: MemoryBudget): SafetensorsHeader {
  const json = new JsonCursor(bytes, invalid, (cost) => budget.charge(cost, WHERE));
  const entries: HeaderEntry[] = [];
  let metadata = new Map<string, string>();
  json.object((key) => {
    budget.charge(ENTRY_COST, WHERE);
    if (key === METADATA_KEY) metadata = parseMetadata(json, budget);
    else entries.push(parseEntry(json, key));
  });
  json.end();
  return { metadata, entries };
}

function parseMetadata(json: JsonCursor, budget: MemoryBudget): Map<string, string> {
  const metadata = new Map<string, string>();
  json.object((key) => {
    budget.charge(ENTRY_COST, WHERE);
    metadata.set(key, json.string());
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

function invalid(problem: string, cause?: unknown): CheckpointError {
  return new CheckpointError('CORRUPT', WHERE, problem, WRITE_AGAIN, { cause });
}
