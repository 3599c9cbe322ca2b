/** Writes pictures as PNG with a palette, which makes those of pages a third as large. */
import { crc32, deflateSync } from 'node:zlib';

/** The pixels of a picture, row by row: red, green, blue, opacity. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const COLORS = 256;
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

/**
 * Encode an opaque picture. Its 256 most frequent colours stay; every other pixel, mostly of the smooth edges of letters, takes
 * the nearest of them.
 */
export function palettePng({ width, height, data }: Pixels): Buffer {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const colorAt = (pixel: number): number => view.getUint32(pixel * 4) >>> 8;
  const counts = new Map<number, number>();
  for (let i = 0; i < width * height; i++) counts.set(colorAt(i), (counts.get(colorAt(i)) ?? 0) + 1);
  const palette = [...counts].sort(([, a], [, b]) => b - a).map(([color]) => color);
  const kept = palette.slice(0, COLORS);
  const indices = new Map(kept.map((color, index) => [color, index]));
  for (const color of palette.slice(COLORS)) indices.set(color, nearest(kept, color));
  // Each row begins with its filter: none.
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = indices.get(colorAt(y * width + x)) ?? 0;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a pixel, with a palette.
  header.set([8, 3], 8);
  return Buffer.concat([
    Buffer.from(SIGNATURE),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(kept.flatMap(channels))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const channels = (color: number): [number, number, number] => [color >> 16, (color >> 8) & 255, color & 255];

function nearest(palette: readonly number[], color: number): number {
  const distances = palette.map((other) => {
    const [r, g, b] = channels(color);
    const [otherR, otherG, otherB] = channels(other);
    return (r - otherR) ** 2 + (g - otherG) ** 2 + (b - otherB) ** 2;
  });
  return distances.indexOf(Math.min(...distances));
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
