/** Cyclic redundancy checks of 32 bits. */

/** Return a check, by its polynomial with the bits reversed. */
function crcOf(polynomial: number): (bytes: Uint8Array) => number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
    return remainder;
  });
  return (bytes) => {
    let remainder = 0xffffffff;
    for (const byte of bytes) remainder = (remainder >>> 8) ^ (table[(remainder ^ byte) & 0xff] ?? 0);
    return ~remainder >>> 0;
  };
}

/** The CRC-32 of ISO 3309, as ZIP and PNG use it. */
export const crc32 = crcOf(0xedb88320);

/** The CRC-32C of iSCSI (RFC 3720, appendix B.4), by Castagnoli's polynomial, which TFRecord files carry. */
export const crc32c = crcOf(0x82f63b78);
