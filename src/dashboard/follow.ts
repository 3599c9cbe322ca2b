/** Follows a run: what was appended to its metrics since a position, and which files have changed. */

import type { ListedFile } from '../training/runFiles.ts';
import { METRICS_FILE } from '../training/runRows.ts';
import {
  CHECKED_BYTES,
  checkOf,
  type Position,
  type ServedEvent,
  type ServedEvents,
} from '../training/served.ts';

/** A message for a page. */
export type Message = {
  readonly [event in ServedEvent]: { readonly event: event; readonly data: ServedEvents[event] };
}[ServedEvent];

/** The files of a run, as following needs them. */
export interface FollowedFiles {
  list(): readonly ListedFile[];
  read(name: string, from: number, end: number): Uint8Array | undefined;
}

/** Maximum number of bytes of metrics in a message. */
const CHUNK_BYTES = 1 << 18;

/** The position of a page that has nothing of a run. */
export const START: Position = { offset: 0, check: null, filesAt: null };

/** Follows one run for one page. */
export class Follower {
  #position: Position;
  /** Files as they were sent; undefined before the first time. */
  #sent: ReadonlyMap<string, ListedFile> | undefined;

  constructor(
    readonly run: string,
    private readonly files: FollowedFiles,
    position = START,
  ) {
    this.#position = position;
  }

  /** The part of the run that the page has once it has received all messages so far. */
  get position(): Position {
    return this.#position;
  }

  /** Yield what has changed. Take the position after each message. @throws FileError if the run cannot be read. */
  *changes(): Generator<Message> {
    yield* this.#rows();
    yield* this.#changedFiles();
  }

  *#rows(): Generator<Message> {
    const { run } = this;
    for (;;) {
      const { offset, check } = this.#position;
      const overlap = Math.min(offset, CHECKED_BYTES);
      const read = this.files.read(METRICS_FILE, offset - overlap, offset + CHUNK_BYTES) ?? new Uint8Array();
      if (read.length < overlap || (check !== null && checkOf(read.subarray(0, overlap)) !== check)) {
        this.#position = { ...this.#position, offset: 0, check: null };
        yield { event: 'cut', data: { run } };
        continue;
      }
      const fresh = read.subarray(overlap);
      this.#position = { ...this.#position, offset: offset + fresh.length, check: checkOf(read) };
      if (fresh.length === 0) return;
      yield { event: 'append', data: { run, from: offset, base64: Buffer.from(fresh).toString('base64') } };
    }
  }

  *#changedFiles(): Generator<Message> {
    const { run } = this;
    const { filesAt } = this.#position;
    const listed = this.files.list().filter(({ name }) => name !== METRICS_FILE && name !== 'lock');
    const sent = this.#sent;
    const files = listed.filter((file) => {
      if (sent === undefined) return filesAt === null || file.modified >= filesAt;
      const known = sent.get(file.name);
      return known?.bytes !== file.bytes || known.modified !== file.modified;
    });
    this.#sent = new Map(listed.map((file) => [file.name, file]));
    const latest = listed.reduce((time, { modified }) => Math.max(time, modified), filesAt ?? 0);
    this.#position = { ...this.#position, filesAt: latest };
    if (files.length > 0) yield { event: 'files', data: { run, files } };
  }
}
