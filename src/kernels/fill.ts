/**
 * Values made from their place alone. `fill` writes one value where i % period = 0 and i < limit, and 0 elsewhere: a
 * constant (period 1) or the diagonal of a matrix (a period of its columns plus one). `ramp` counts from one end, and
 * from `half` on back from the other, so that both ends are exact.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, gridOf, type Launch, launchOf, type Scalar, type ScalarType } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';

const fillKernel = memoize((type: ScalarType) =>
  defineKernel({
    name: `fill ${type}`,
    params: { count: 'u32', period: 'u32', limit: 'u32', value: type },
    reads: {},
    writes: { y: `array<${type}>` },
    ...perElement('count')`if (id < params.limit && id % params.period == 0) { y[id] = params.value; }
  else { y[id] = ${type}(); }`,
  }),
);

/** y[i] = value, of `type`, for i = 0 … count − 1. */
export function fill(device: Device, y: BufferView, count: number, value: Scalar, type: ScalarType): void {
  device.launch(fillKernel(type), { y }, { count, period: 1, limit: count, value });
}

/** Return a launch that writes 0 to y[i], of u32, for i = 0 … count − 1. */
export function zeroing(y: BufferView, count: number): Launch {
  const kernel = fillKernel('u32');
  const params = { count, period: 1, limit: count, value: 0 };
  return launchOf(kernel, { y }, { params, workgroups: gridOf(kernel, params) });
}

/** y (rows, columns) of `type` with ones on its diagonal. */
export function fillDiagonal(
  device: Device,
  y: BufferView,
  rows: number,
  columns: number,
  type: ScalarType,
): void {
  const params = {
    count: rows * columns,
    period: columns + 1,
    limit: Math.min(rows, columns) * columns,
    value: 1,
  };
  device.launch(fillKernel(type), { y }, params);
}

const rampKernel = memoize((type: ScalarType) =>
  defineKernel({
    name: `ramp ${type}`,
    params: { count: 'u32', half: 'u32', start: type, end: type, step: type },
    reads: {},
    writes: { y: `array<${type}>` },
    ...perElement('count')`if (id < params.half) { y[id] = params.start + ${type}(id) * params.step; }
  else { y[id] = params.end - ${type}(params.count - 1 - id) * params.step; }`,
  }),
);

/** y[i] = start + i·step for i < half, end − (count − 1 − i)·step from there on. */
export function ramp(
  device: Device,
  y: BufferView,
  type: ScalarType,
  params: {
    readonly count: number;
    readonly half: number;
    readonly start: number;
    readonly end: number;
    readonly step: number;
  },
): void {
  device.launch(rampKernel(type), { y }, params);
}
