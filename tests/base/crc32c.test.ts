/** CRC-32C against RFC 3720's examples and a division bit by bit. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../src/base/crc.ts';
import { remainder } from '../runs/metrics/eventFile.ts';

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

// RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
test.each([
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 ascending bytes', ascending, 0x46dd794e],
  ['32 descending bytes', ascending.toReversed(), 0x113fdb5c],
  ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(), 0],
])('%s', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

test('any bytes: equals the division bit by bit', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    expect(crc32c(bytes)).toBe(remainder(bytes));
  });
  fc.assert(property);
});
