/**
 * Convert the targets of a classification loss: for each row to the id to choose, and the row's weight in the mean. An ignored
 * row chooses nothing and has weight 0; others have weight 1 or that of their class. An id outside of the classes has weight
 * NaN, so that the mistake shows.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';

const targetsKernel = defineKernel({
  name: 'targets',
  params: { rows: 'u32', classes: 'u32', ignored: 'u32', weighted: 'u32' },
  reads: { targets: 'array<u32>', classWeights: 'array<u32>' },
  // The weights' bits: WGSL need not keep a NaN that it knows of.
  writes: { ids: 'array<u32>', weights: 'array<u32>' },
  functions: `
const ONE = 0x3f800000u;
const NAN = 0x7fc00000u;`,
  ...perElement('rows', { id: 'row' })`let id = targets[row];
  let outside = id >= params.classes;
  ids[row] = select(id, 0xffffffffu, outside || id == params.ignored);
  var weight = ONE;
  if (params.weighted == 1 && !outside) { weight = classWeights[id]; }
  weights[row] = select(select(weight, NAN, outside), 0u, id == params.ignored);`,
});

export interface TargetViews {
  /** u32 or i32 (rows). */
  readonly targets: BufferView;
  /** f32 (classes): what each class weighs; 1 without it. */
  readonly classWeights?: BufferView | undefined;
  /** u32 (rows): the target, or 2³² − 1 to choose nothing. */
  readonly ids: BufferView;
  /** f32 (rows). */
  readonly weights: BufferView;
}

export function prepareTargets(
  device: Device,
  views: TargetViews,
  size: { readonly rows: number; readonly classes: number; readonly ignored: number },
): void {
  const { rows, classes, ignored } = size;
  const { targets, classWeights } = views;
  const params = { rows, classes, ignored: ignored >>> 0, weighted: Number(classWeights !== undefined) };
  const buffers = { ...views, classWeights: classWeights ?? targets };
  device.launch(targetsKernel, buffers, params);
}
