/** The zip reader beside fflate's writer, zip64, and archives that lie. */

import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/model/checkpoint/budget.ts';
import { crc32, openZip } from '../../../src/model/checkpoint/zip.ts';
import { bytes, u32, u64 } from './pickle-assembler.ts';
import { refusal } from './refusal.ts';

const open = (file: Uint8Array) => openZip(file, new MemoryBudget(file.length));
const utf8 = (text: string) => new TextEncoder().encode(text);

/** A copy with a 16- or 32-bit field changed, `offset` bytes after the nth occurrence of a signature. */
function patched(
  file: Uint8Array,
  signature: number,
  offset: number,
  size: 2 | 4,
  value: number,
  nth = 0,
): Uint8Array {
  const copy = Buffer.from(file);
  let at = -1;
  for (let i = 0; i <= nth; i++) at = copy.indexOf(u32(signature), at + 1);
  copy.writeUIntLE(value, at + offset, size);
  return copy;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const good = zipSync({ a: utf8('hello'), b: utf8('world') }, { level: 0 });
const deflated = zipSync({ a: new Uint8Array(100_000) }, { level: 9 });
const deflatedSize = Buffer.from(deflated).readUInt32LE(18);

describe('openZip', () => {
  it('reads what fflate writes, stored and deflated', () => {
    const names = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 9 })
      .filter((name) => name !== '__proto__');
    const files = fc.dictionary(names, fc.uint8Array({ maxLength: 300 }), { noNullPrototype: true });
    fc.assert(
      fc.property(files, fc.constantFrom<0 | 9>(0, 9), (contents, level) => {
        const archive = open(zipSync(contents, { level }));
        expect(archive.names).toEqual(expect.arrayContaining(Object.keys(contents)));
        for (const [name, content] of Object.entries(contents)) {
          expect(Array.from(archive.read(name) ?? [])).toEqual(Array.from(content));
        }
      }),
    );
  });

  it('knows no entry that is not there', () => {
    expect(open(good).read('c')).toBeUndefined();
  });

  it('inflates over many steps', () => {
    const content = Uint8Array.from({ length: 60_000 }, (_, i) => (i * i) >> 5);
    expect(open(zipSync({ a: content }, { level: 9 })).read('a')).toEqual(content);
  });

  it('computes the CRC of the standard’s check value', () => {
    expect(crc32(utf8('123456789'))).toBe(0xcbf43926);
  });

  it('reads zip64 sizes, offsets and directory', () => {
    const content = utf8('wide');
    const local = bytes(
      u32(LOCAL),
      [45, 0, 0, 0, 0, 0],
      u32(0),
      u32(crc32(content)),
      u32(4),
      u32(4),
      [1, 0, 0, 0],
      0x61,
      content,
    );
    const wide = bytes([1, 0, 24, 0], u64(4), u64(4), u64(0));
    const max = u32(0xffffffff);
    const central = bytes(
      u32(CENTRAL),
      [45, 0, 45, 0, 0, 0, 0, 0],
      u32(0),
      u32(crc32(content)),
      max,
      max,
      [1, 0, 28, 0, 0, 0, 0, 0, 0, 0],
      u32(0),
      max,
      0x61,
      wide,
    );
    const end64 = bytes(
      u32(0x06064b50),
      u64(44),
      [45, 0, 45, 0],
      u32(0),
      u32(0),
      u64(1),
      u64(1),
      u64(central.length),
      u64(local.length),
    );
    const locator = bytes(u32(0x07064b50), u32(0), u64(local.length + central.length), u32(1));
    const end = bytes(u32(END), new Uint8Array(4), [255, 255, 255, 255], max, max, [0, 0]);
    const file = bytes(local, central, end64, locator, end);
    expect(open(file).read('a')).toEqual(content);
    const elsewhere = bytes(local, central, end64, u32(0x07064b50), u32(0), u64(2n ** 63n), u32(1), end);
    expect(refusal(() => open(elsewhere)).code).toBe('CORRUPT');
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ['no directory', good.slice(0, -1), 'TRUNCATED', /before its directory/],
    ['too short', good.slice(0, 10), 'TRUNCATED', /before its directory/],
    ['text after the end', bytes(good, 0), 'TRUNCATED', /before its directory/],
    ['several disks', patched(good, END, 4, 2, 1), 'UNSUPPORTED', /several files/],
    ['more entries than fit', patched(good, END, 10, 2, 0xfff0), 'CORRUPT', /65520 entries/],
    ['one entry too many', patched(good, END, 10, 2, 3), 'CORRUPT', /entry 2 of 3|3 entries/],
    ['a directory elsewhere', patched(good, END, 16, 4, 1), 'CORRUPT', /do not fit/],
    ['a damaged entry', patched(good, CENTRAL, 2, 2, 0), 'CORRUPT', /entry 0 of 2/],
    ['a name past the directory', patched(good, CENTRAL, 28, 2, 0xffff), 'CORRUPT', /runs past/],
    ['encryption', patched(good, CENTRAL, 8, 2, 1), 'UNSUPPORTED', /encrypted/],
    ['another compression', patched(good, CENTRAL, 10, 2, 12), 'UNSUPPORTED', /method 12/],
    ['two sizes for stored data', patched(good, CENTRAL, 24, 4, 9), 'CORRUPT', /sizes differ/],
    ['a local header elsewhere', patched(good, CENTRAL, 42, 4, 1), 'CORRUPT', /not where the directory says/],
    ['a local header past the end', patched(good, CENTRAL, 42, 4, 0xfffffff0), 'CORRUPT', /not where/],
    ['another local name', patched(good, LOCAL, 30, 2, 0x2058), 'CORRUPT', /not where/],
    ['two entries of one name', renamed(good), 'CORRUPT', /two entries of this name/],
    ['a changed byte', patched(good, LOCAL, 31, 2, 0x4141), 'CORRUPT', /checksum/],
    [
      'a size too small',
      patched(deflated, CENTRAL, 24, 4, 9999),
      'CORRUPT',
      /inflates to more than its 9999/,
    ],
    [
      'a size too large',
      patched(deflated, CENTRAL, 24, 4, 100_001),
      'CORRUPT',
      /inflates to 100000 bytes instead/,
    ],
    ['a size of 4 GB', patched(deflated, CENTRAL, 24, 4, 0xfffffff0), 'TOO_LARGE', /do not trust/],
    [
      'cut compressed data',
      patched(deflated, CENTRAL, 20, 4, deflatedSize - 5),
      'CORRUPT',
      /damaged|inflates to/,
    ],
    ['damaged compressed data', patched(deflated, LOCAL, 31, 4, 0xffffffff), 'CORRUPT', /damaged/],
  ])('refuses %s', (_, file, code, message) => {
    const error = refusal(() => {
      const archive = open(file);
      for (const name of archive.names) archive.read(name);
    });
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('refuses entries that overlap, of which one block could serve many', () => {
    // Entry b lies inside entry a's data; each local header is in its place.
    const inner = zipSync({ b: utf8('inner') }, { level: 0 });
    const innerLocal = inner.slice(0, 30 + 1 + 5);
    const outer = Buffer.from(zipSync({ a: innerLocal, b: utf8('inner') }, { level: 0 }));
    const lying = patched(outer, CENTRAL, 42, 4, 31, 1);
    expect(refusal(() => open(lying)).message).toMatch(/overlaps another entry/);
  });

  it('stops inflating a bomb at its declared size', () => {
    const bomb = zipSync({ a: new Uint8Array(200_000_000) }, { level: 1 });
    const lying = patched(bomb, CENTRAL, 24, 4, 1000);
    const started = performance.now();
    expect(refusal(() => open(lying).read('a')).message).toMatch(/more than its 1000 bytes/);
    expect(performance.now() - started).toBeLessThan(500);
    expect(refusal(() => open(bomb).read('a')).code).toBe('TOO_LARGE');
  });
});

/** Names both entries `a`, in the directory and locally. */
function renamed(file: Uint8Array): Uint8Array {
  const copy = Buffer.from(file);
  for (let i = 0; i < copy.length; i++) if (copy[i] === 0x62) copy[i] = 0x61;
  return copy;
}
