/** Values in several consecutive buffers, because they exceed the size of a binding. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';

/** Return the total size of all views, in bytes. */
export const bytesInAll = (views: readonly BufferView[]): number =>
  views.reduce((total, { bytes }) => total + bytes, 0);

/** Wait for the values of all views, and return them concatenated. */
export async function readAll(
  device: Device,
  views: readonly BufferView[],
): Promise<Float32Array<ArrayBuffer>> {
  const parts = await Promise.all(views.map((view) => device.read(view)));
  const [only] = parts;
  if (only && parts.length === 1) return new Float32Array(only);
  const values = new Float32Array(bytesInAll(views) / 4);
  let at = 0;
  for (const part of parts) {
    values.set(new Float32Array(part), at);
    at += part.byteLength / 4;
  }
  return values;
}

/** Upload values to consecutive views; there must be exactly as many as the views hold. */
export function uploadAll(
  device: Device,
  views: readonly BufferView[],
  values: Float32Array<ArrayBuffer>,
): void {
  let at = 0;
  for (const view of views) {
    device.upload(view, values.subarray(at, at + view.bytes / 4));
    at += view.bytes / 4;
  }
}
