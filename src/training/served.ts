/** The messages between the server of a dashboard and its pages. */
import { crc32 } from '../base/crc.ts';
import { jsonObject } from '../base/json.ts';
import type { ListedFile } from './runFiles.ts';
import type { RunListing } from './runListing.ts';

/** Messages of `/api/events`, by the name of the event. The field `run` is the id of a run. */
export interface ServedEvents {
  /** Bytes were appended to `metrics.jsonl`, in base64; they begin at `from`. */
  readonly append: { readonly run: string; readonly from: number; readonly base64: string };
  /** `metrics.jsonl` grew shorter or has other bytes: it is sent again from its begin. */
  readonly cut: { readonly run: string };
  /** Files are new or have another content. */
  readonly files: { readonly run: string; readonly files: readonly ListedFile[] };
  /** A run is new in the list, or its entry is another one. */
  readonly listing: RunListing;
  /** A run is no longer in the list. */
  readonly gone: { readonly run: string };
}

/** The name of an event. */
export type ServedEvent = keyof ServedEvents;

/** The part of a run that a page has. */
export interface Position {
  /** Bytes of `metrics.jsonl`. */
  readonly offset: number;
  /** CRC-32 of the last bytes before the offset, by which a file that was cut and grew again is told apart; null if not known. */
  readonly check: number | null;
  /** The latest time of change among its files, in milliseconds since 1970; null if not known. */
  readonly filesAt: number | null;
}

/** Positions by the id of the run. */
export type Positions = ReadonlyMap<string, Position>;

/** Bytes before an offset that are checked. */
export const CHECKED_BYTES = 64;

/** Check the bytes before an offset. @param bytes end at the offset. */
export const checkOf = (bytes: Uint8Array): number =>
  crc32(bytes.subarray(Math.max(0, bytes.length - CHECKED_BYTES)));

/** Encode positions as the id of an event: ASCII, as the header Last-Event-ID has to be. */
export function encodePositions(positions: Positions): string {
  const entries = [...positions].map(([id, { offset, check, filesAt }]) => [id, [offset, check, filesAt]]);
  return encodeURIComponent(JSON.stringify(Object.fromEntries(entries)));
}

/** Decode positions. What is none is left out. */
export function decodePositions(text: string): Positions {
  const entries = Object.entries(jsonObject(decoded(text)) ?? {});
  return new Map(
    entries.flatMap(([id, value]) => {
      const position = positionOf(value);
      return position ? [[id, position] as const] : [];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function positionOf(value: unknown): Position | undefined {
  const [offset, check, filesAt]: readonly unknown[] = Array.isArray(value) ? value : [];
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) return undefined;
  return { offset, check: numberOr(check), filesAt: numberOr(filesAt) };
}

const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null);
