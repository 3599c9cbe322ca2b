/** The zip reader: archives of fflate's writer, zip64, and archives with false headers. */

import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/base/crc.ts';
import { MemoryBudget } from '../../../src/formats/budget.ts';
import { openZip } from '../../../src/formats/torch/zip.ts';
import { refusal } from '../refusal.ts';
import { bytes, u32, u64 } from './pickleAssembler.ts';

const open = (file: Uint8Array) => openZip(file, new MemoryBudget(file.length));
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Return a copy with a changed 16- or 32-bit field, `offset` bytes after the nth occurrence of a signature. */
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
  return new Uint8Array(copy);
}

/** Make the same change in the directory and in the local header, whose fields are two bytes earlier. */
const patchedBoth = (file: Uint8Array, offset: number, size: 2 | 4, value: number): Uint8Array =>
  patched(patched(file, CENTRAL, offset, size, value), LOCAL, offset - 2, size, value);

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
    for (const [offset, size] of [
      [10, 2],
      [12, 4],
      [16, 4],
    ] as const) {
      const narrow = patched(file, END, offset, size, 2);
      expect(refusal(() => open(narrow)).message).toMatch(/two end records disagree/);
    }
    const longer = patched(file, 0x06064b50, 4, 4, 45);
    expect(refusal(() => open(longer)).message).toMatch(/not where it should be/);
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ['no directory', good.slice(0, -1), 'TRUNCATED', /before its directory/],
    ['too short', good.slice(0, 10), 'TRUNCATED', /before its directory/],
    ['text after the end', bytes(good, 0), 'TRUNCATED', /before its directory/],
    ['several disks', patched(good, END, 4, 2, 1), 'UNSUPPORTED', /several files/],
    ['more entries than fit', counting(good, 0xfff0), 'CORRUPT', /65520 entries/],
    ['one entry too many', counting(good, 3), 'CORRUPT', /entry 2 of 3|3 entries/],
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
    ['a size too small', patchedBoth(deflated, 24, 4, 9999), 'CORRUPT', /inflates to more than its 9999/],
    [
      'a size too large',
      patchedBoth(deflated, 24, 4, 100_001),
      'CORRUPT',
      /inflates to 100000 bytes instead/,
    ],
    ['a size of 4 GB', patchedBoth(deflated, 24, 4, 0xfffffff0), 'CORRUPT', /cannot become 4294967280/],
    ['a count that its disks do not share', patched(good, END, 8, 2, 1), 'UNSUPPORTED', /several files/],
    ['one entry too few', counting(good, 1), 'CORRUPT', /more than its 1 entries/],
    ['another method locally', patched(good, LOCAL, 8, 2, 8), 'CORRUPT', /its own header/],
    ['another checksum locally', patched(good, LOCAL, 14, 4, 1), 'CORRUPT', /its own header/],
    ['another stored size locally', patched(good, LOCAL, 18, 4, 4), 'CORRUPT', /its own header/],
    ['another size locally', patched(good, LOCAL, 22, 4, 6), 'CORRUPT', /its own header/],
    [
      'a wide local size that is nowhere',
      patched(good, LOCAL, 22, 4, 0xffffffff),
      'CORRUPT',
      /its own header/,
    ],
    ['encryption locally', patched(good, LOCAL, 6, 2, 1), 'CORRUPT', /its own header/],
    ['cut compressed data', patchedBoth(deflated, 20, 4, deflatedSize - 5), 'CORRUPT', /damaged|inflates to/],
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

  it('refuses data that lies in the extra field of an entry beside its own', () => {
    // Both entries end at the same five bytes; entry b's header is the extra field of entry a.
    const local = (name: string, extra: Uint8Array) =>
      bytes(
        good.slice(0, 14),
        u32(crc32(utf8('hello'))),
        u32(5),
        u32(5),
        [1, 0, extra.length, 0],
        utf8(name),
        extra,
      );
    const b = local('b', new Uint8Array());
    const file = bytes(local('a', b), utf8('hello'), good.slice(2 * 36));
    const [first, second] = [0, 31].map((at) => u32(at));
    const directory = file.length - good.length + 2 * 36;
    const shared = Buffer.from(file);
    const centrals = [directory, directory + 47];
    for (const [i, at] of [first, second].entries()) shared.set(at ?? [], (centrals[i] ?? 0) + 42);
    for (const at of centrals) shared.set(u32(crc32(utf8('hello'))), at + 16);
    shared.writeUInt32LE(directory, shared.length - 6);
    expect(refusal(() => open(shared)).message).toMatch(/overlaps another entry/);
  });

  it('takes sizes and checksum from the directory where the local header leaves them to a descriptor', () => {
    let later: Uint8Array = good;
    for (const offset of [14, 18, 22]) later = patched(later, LOCAL, offset, 4, 0);
    expect(refusal(() => open(later)).message).toMatch(/its own header/);
    expect(open(patched(later, LOCAL, 6, 2, 8)).read('a')).toEqual(utf8('hello'));
  });

  it('keeps names apart that differ by a byte-order mark', () => {
    const archive = open(zipSync({ a: utf8('plain'), '\ufeffa': utf8('marked') }, { level: 0 }));
    expect(archive.read('a')).toEqual(utf8('plain'));
    expect(archive.read('\ufeffa')).toEqual(utf8('marked'));
  });

  it('gives names no meaning: not a path, not a link, not a property', () => {
    const names = ['../a', '/etc/passwd', 'C:\\a', 'constructor', 'toString', 'a/'];
    const contents = Object.fromEntries(names.map((name) => [name, utf8(name)]));
    // 0o120777 in the upper half of the external attributes is what Unix writes for a symbolic link.
    const link = patched(zipSync(contents, { level: 0 }), CENTRAL, 40, 2, 0o120777);
    const archive = open(link);
    for (const name of names) expect(archive.read(name)).toEqual(utf8(name));
    expect(archive.read('hasOwnProperty')).toBeUndefined();
    expect(archive.read('a')).toBeUndefined();
  });

  it('stops inflating a bomb at its declared size', () => {
    const bomb = zipSync({ a: new Uint8Array(30_000_000) }, { level: 1 });
    const lying = patchedBoth(bomb, 24, 4, 1000);
    const before = process.cpuUsage();
    expect(refusal(() => open(lying).read('a')).message).toMatch(/more than its 1000 bytes/);
    expect(process.cpuUsage(before).user).toBeLessThan(20_000);
    expect(refusal(() => open(bomb).read('a')).code).toBe('TOO_LARGE');
  });

  it('inflates ten times the file and 16 MB at most, all entries together', () => {
    const million = new Uint8Array(1_000_000);
    const names = Array.from({ length: 20 }, (_, i) => `part${i}`);
    const archive = open(zipSync(Object.fromEntries(names.map((name) => [name, million])), { level: 9 }));
    const readAll = () => names.map((name) => archive.read(name)?.length);
    expect(refusal(readAll).message).toMatch(/"part16": the archive inflates to more than 16\d{6} bytes/);
  });

  it('does not spend time on empty blocks: 110 kB of them take milliseconds, not seconds', () => {
    const content = new Uint8Array();
    const bomb = zipOf('a', emptyBlocks(4000), content);
    expect(open(bomb).read('a')).toEqual(content);
    const before = process.cpuUsage();
    open(bomb).read('a');
    // Microseconds of the processor, not of the clock: other programs run as well.
    expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  });
});

/** Return the archive with a different number of entries in its end record. */
function counting(file: Uint8Array, entries: number): Uint8Array {
  return patched(patched(file, END, 8, 2, entries), END, 10, 2, entries);
}

/** Return an archive of one entry with the given compressed bytes. */
function zipOf(name: string, deflatedBytes: Uint8Array, content: Uint8Array): Uint8Array {
  const fields = bytes(u32(crc32(content)), u32(deflatedBytes.length), u32(content.length), [name.length, 0]);
  const local = bytes(u32(LOCAL), [20, 0, 0, 0, 8, 0], u32(0), fields, [0, 0], utf8(name), deflatedBytes);
  const central = bytes(
    u32(CENTRAL),
    [20, 0, 20, 0, 0, 0, 8, 0],
    u32(0),
    fields,
    new Uint8Array(16),
    utf8(name),
  );
  const end = bytes(u32(END), u32(0), [1, 0, 1, 0], u32(central.length), u32(local.length), [0, 0]);
  return bytes(local, central, end);
}

/**
 * Return empty dynamic blocks with codes of up to 15 bits (RFC 1951, 3.2.7). For each block of 28 bytes, a decoder with full
 * tables fills 65,536 entries.
 */
function emptyBlocks(count: number): Uint8Array {
  const ladder = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15];
  const lengthCode: readonly number[] = [...Array<number>(19).keys()].map(
    (symbol) => LENGTH_CODE_BITS[symbol] ?? 0,
  );
  const codes = canonicalCodes(lengthCode);
  const block: (0 | 1)[] = [];
  const put = (value: number, bits: number) => {
    for (let i = 0; i < bits; i++) block.push(((value >> i) & 1) as 0 | 1);
  };
  const length = (symbol: number) => {
    for (const bit of codes[symbol] ?? '') block.push(bit === '1' ? 1 : 0);
  };
  put(0, 1); // not the last block
  put(2, 2); // dynamic codes
  put(0, 5); // 257 literals and lengths
  put(15, 5); // 16 distances
  put(15, 4); // 19 code lengths
  for (const symbol of [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]) {
    put(lengthCode[symbol] ?? 0, 3);
  }
  for (const bits of ladder) length(bits);
  length(18);
  put(138 - 11, 7); // 138 unused literals
  length(18);
  put(103 - 11, 7); // and 103 more
  length(1); // the end of the block has the code 0
  for (const bits of [1, ...ladder]) length(bits);
  put(0, 1); // the end of the block
  const last = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0] as const; // a last block of fixed codes, at its end
  return packed([...Array.from({ length: count }, () => block).flat(), ...last]);
}

/** Number of bits for each code length: a complete code over 1 to 15 and 18. */
const LENGTH_CODE_BITS: Readonly<Record<number, number>> = {
  ...Object.fromEntries(Array.from({ length: 15 }, (_, i) => [i + 1, 4])),
  18: 4,
};

/** The codes of RFC 1951, 3.2.2 as text, shorter ones first, equal ones by symbol. */
function canonicalCodes(lengths: readonly number[]): string[] {
  const codes: string[] = [];
  let code = 0;
  for (let bits = 1; bits <= 15; bits++) {
    code *= 2;
    for (const [symbol, length] of lengths.entries()) {
      if (length !== bits) continue;
      codes[symbol] = code.toString(2).padStart(bits, '0');
      code += 1;
    }
  }
  return codes;
}

function packed(bits: readonly (0 | 1)[]): Uint8Array {
  const out = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) out[i >> 3] = (out[i >> 3] ?? 0) | (bit << (i & 7));
  return out;
}

/** Name both entries `a`, in the directory and in the local headers. */
function renamed(file: Uint8Array): Uint8Array {
  const copy = Buffer.from(file);
  for (let i = 0; i < copy.length; i++) if (copy[i] === 0x62) copy[i] = 0x61;
  return copy;
}
