/** The source of a report: its runs, and their files unpacked. */
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { reportSource } from '../../../app/src/data/reportSource.ts';
import { listingOf } from '../../../src/training/readListing.ts';

it('lists the runs of a report, and unpacks their files', async () => {
  const listing = await listingOf('a/b', { list: () => [], read: () => undefined });
  const text = new TextEncoder().encode('0123456789');
  const file = { name: 'metrics.jsonl', bytes: 10, modified: 5, gzip: gzipSync(text).toString('base64') };
  const source = reportSource({ made: '2026-03-01T12:30:05.000Z', runs: [{ listing, files: [file] }] });
  expect(source.name).toBe('Report of 2026-03-01');
  expect(await source.list()).toEqual([listing]);
  const files = source.open('a/b');
  expect(await files.list()).toEqual([{ name: 'metrics.jsonl', bytes: 10, modified: 5 }]);
  expect(new TextDecoder().decode(await files.read('metrics.jsonl'))).toBe('0123456789');
  expect(new TextDecoder().decode(await files.read('metrics.jsonl', 7))).toBe('789');
  expect(await files.read('nothing')).toBeUndefined();
  expect(await source.open('nowhere').list()).toEqual([]);
  source.connection((state) => expect(state).toBe('static'))();
});
