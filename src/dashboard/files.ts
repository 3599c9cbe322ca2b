/** Answers with a file of a run, or a part of it. */
import { closeSync, createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Context } from 'hono';
import type { DiskFiles } from '../runs/diskFiles.ts';
import { refusal } from './refusal.ts';

/** Types by the ending of the name. No other: a file of a stranger's run must not become a page of the dashboard. */
const TYPES: readonly (readonly [ending: string, type: string])[] = [
  ['.json', 'application/json'],
  ['.jsonl', 'text/plain; charset=utf-8'],
  ['.csv', 'text/plain; charset=utf-8'],
];

const BYTES = 'application/octet-stream';

/** The bytes of a file that are asked for, the end excluded. */
interface Part {
  readonly from: number;
  readonly end: number;
}

/** Answer with the bytes that `Range` or `?from=` ask for. With `?optional=1` a file that is not there is no error: 204. */
export function fileAnswer(c: Context, files: DiskFiles, name: string): Response {
  const file = files.open(name);
  if (!file && c.req.query('optional') !== undefined) return c.body(null, 204);
  if (!file)
    return refusal(c, 404, 'FILE_NOT_FOUND', 'the run has no such file', 'look at the list of its files');
  const { descriptor, bytes } = file;
  const range = singleRange(c.req.header('range'));
  const part = range === undefined ? partFrom(c.req.query('from'), bytes) : partOf(range, bytes);
  if (part === undefined) {
    closeSync(descriptor);
    c.header('Content-Range', `bytes */${bytes}`);
    return refusal(
      c,
      416,
      'BAD_RANGE',
      `the file has ${bytes} bytes, not these`,
      'ask for bytes that it has',
    );
  }
  c.header('Content-Type', TYPES.find(([ending]) => name.endsWith(ending))?.[1] ?? BYTES);
  c.header('Accept-Ranges', 'bytes');
  c.header('Content-Length', String(part.end - part.from));
  if (range !== undefined) c.header('Content-Range', `bytes ${part.from}-${part.end - 1}/${bytes}`);
  return c.body(contentOf(c, descriptor, part), range === undefined ? 200 : 206);
}

/** Return the bytes of a part as a stream, which closes the file; '' for none. */
function contentOf(c: Context, fd: number, { from, end }: Part): ReadableStream | '' {
  if (c.req.method !== 'HEAD' && from < end) {
    return Readable.toWeb(createReadStream('', { fd, start: from, end: end - 1 })) as ReadableStream;
  }
  closeSync(fd);
  return '';
}

/** Return the part behind an offset: nothing behind the end of the file, all without one. */
function partFrom(text: string | undefined, bytes: number): Part | undefined {
  if (text === undefined) return { from: 0, end: bytes };
  return /^\d{1,15}$/.test(text) ? { from: Math.min(Number(text), bytes), end: bytes } : undefined;
}

/**
 * Return a header `Range` that asks for one range of bytes. Others are ignored, and the answer is the whole file: a server must
 * ignore units that it does not know, and may ignore several ranges (RFC 9110, 14.2).
 */
const singleRange = (header: string | undefined): string | undefined =>
  header?.startsWith('bytes=') && !header.includes(',') ? header : undefined;

/** Return the part that a header `Range` names (RFC 9110, 14.1.2); undefined if there is none in the file. */
function partOf(range: string, bytes: number): Part | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range) ?? [];
  if (first === '' && last === '') return undefined;
  const from = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes : Math.min(bytes, Number(last) + 1);
  return from < end ? { from, end } : undefined;
}
