/** The gradient of the weights that combine experts. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, launchOf } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { launchChosen } from '../gpu/variants.ts';
import type { Routing } from './moe.ts';
import {
  combinations,
  enablesOf,
  groupAlong,
  groupName,
  plus,
  type RowGroup,
  rowEntry,
  rowGrid,
} from './rowGroup.ts';
import { rowFamily, rowVariants, threadVariant } from './rowVariants.ts';
import { walkRow } from './rowWalk.ts';

type GradientViews = {
  /** (R,d) */
  readonly dy: BufferView;
  /** (slots,d) */
  readonly slots: BufferView;
  /** u32 (entries) */
  readonly slotOfEntry: BufferView;
  /** (entries) */
  readonly dWeights: BufferView;
};

interface GradientOptions {
  readonly views: GradientViews;
  readonly size: { readonly entries: number; readonly dv: number; readonly k: number };
}

const PARAMS = { entries: 'u32', dv: 'u32', k: 'u32' } as const;
const READS = { dy: 'array<vec4f>', slots: 'array<vec4f>', slotOfEntry: 'array<u32>' } as const;
const WRITES = { dWeights: 'array<f32>' } as const;

/** dWeights[entry] = dy[row]·slots[slot of entry]. */
const threadKernel = defineKernel({
  name: 'moe weight gradient',
  params: PARAMS,
  reads: READS,
  writes: WRITES,
  ...perElement('entries', { id: 'entry' })`var sum = 0.0;
  for (var i = 0u; i < params.dv; i++) {
    sum += dot(dy[entry / params.k * params.dv + i], slots[slotOfEntry[entry] * params.dv + i]);
  }
  dWeights[entry] = sum;`,
});

const rowKernel = memoize((group: RowGroup) => {
  const walk = walkRow({
    ...{ lanes: group.lanes, held: 0, count: 'params.dv' },
    values: { product: (at) => `dot(dy[inDy + ${at}], slots[inSlots + ${at}])` },
  });
  return defineKernel({
    name: `moe weight gradient row ${groupName(group)}`,
    params: PARAMS,
    reads: READS,
    writes: WRITES,
    enables: enablesOf(group),
    functions: combinations(group, [{ name: 'rowSum', type: 'f32', combine: plus }]),
    code: rowEntry(
      group,
      'params.entries',
      `let inDy = row / params.k * params.dv;
  let inSlots = slotOfEntry[row] * params.dv;
  ${walk.load}
  ${walk.total('sum', '0.0', (of) => of('product'))}
  let total = rowSum(sum, thread);
  if (inside && lane == 0) { dWeights[row] = total; }`,
    ),
  });
});

/** The kernels. */
export const weightGradientFamily = rowFamily(
  'moe weight gradient',
  ({ size }: GradientOptions) => `d${4 * size.dv} k${size.k}`,
  threadVariant<GradientOptions, GradientViews, keyof typeof PARAMS>(
    () => threadKernel,
    ({ views, size }) => ({ views, params: size }),
  ),
  rowVariants<GradientOptions>({
    group: ({ size }) => groupAlong(size.dv, 2),
    plan: ({ views, size }, group) =>
      launchOf(rowKernel(group), views, { params: size, workgroups: rowGrid(group, size.entries) }),
  }),
);

/** dWeights (R,k) = dy (R,d) · the slots (slots,d) of the entries. */
export function weightGradient(
  device: Device,
  { R, k, slotOfEntry }: Routing,
  dy: BufferView,
  slots: BufferView,
  dWeights: BufferView,
  d: number,
): void {
  const views = { dy, slots, slotOfEntry, dWeights };
  launchChosen(device, weightGradientFamily, { views, size: { entries: R * k, dv: d / 4, k } });
}
