/** Views of numbers for tests of kernels. */
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';

/** Allocate a view with these f32 values, or with room for as many. */
export function floats(device: Device, values: number | Float32Array<ArrayBuffer>): BufferView {
  const view = device.allocate((typeof values === 'number' ? values : values.length) * 4);
  if (typeof values !== 'number') device.upload(view, values);
  return view;
}

/** Allocate a view with these u32 values, or with room for as many. */
export function words(device: Device, values: number | Uint32Array<ArrayBuffer>): BufferView {
  const view = device.allocate((typeof values === 'number' ? values : values.length) * 4);
  if (typeof values !== 'number') device.upload(view, values);
  return view;
}

/** Read the first `count` f32 values. */
export const readFloats = async (device: Device, view: BufferView, count: number): Promise<Float32Array> =>
  new Float32Array(await device.read(view), 0, count);

/** Read the first `count` u32 values. */
export const readWords = async (device: Device, view: BufferView, count: number): Promise<Uint32Array> =>
  new Uint32Array(await device.read(view), 0, count);
