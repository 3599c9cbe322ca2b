/**
 * The work of a submission. Systems end a device whose submission takes long: Windows after 2 s, browsers after some 10 s. So
 * a submission to a GPU is about a second on a weak one of its class, at a tenth of its peak; on a fast one it still takes
 * a hundred times as long as submitting.
 */
import type { AdapterClass } from './adapterClass.ts';
import { type Dispatch, scalarValue } from './kernel.ts';

const GFLOP = 1e9;
/** FLOPs that take the time of moving a byte, of kernels that do not say how many theirs are. */
const FLOPS_PER_BYTE = 4;

const MOST: Readonly<Record<AdapterClass, number>> = {
  // Nothing ends submissions to a CPU.
  wasm: Number.POSITIVE_INFINITY,
  cpu: Number.POSITIVE_INFINITY,
  nvidia: 100 * GFLOP,
  amd: 100 * GFLOP,
  apple: 100 * GFLOP,
  intel: 50 * GFLOP,
  gpu: 50 * GFLOP,
  mobile: 10 * GFLOP,
};

/** Return the maximum work of a submission to an adapter of a class, in FLOPs. A single dispatch may exceed it. */
export const mostWork = (adapterClass: AdapterClass): number => MOST[adapterClass];

/** Return the FLOPs that a kernel declares for a dispatch; 0 if it declares none. */
export function flopsOf({ kernel, params }: Dispatch): number {
  if (!kernel.flops) return 0;
  const values = Object.entries(params).map(([name, value]) => [name, scalarValue(value)] as const);
  return kernel.flops(Object.fromEntries(values));
}

/** Return the bytes that a dispatch binds. */
export const boundBytes = ({ views }: Dispatch): number =>
  views.reduce((total, { bytes }) => total + bytes, 0);

/** Return the work of a dispatch in FLOPs: those that its kernel declares, or the time of its bytes if that is longer. */
export const workOf = (dispatch: Dispatch): number =>
  Math.max(flopsOf(dispatch), FLOPS_PER_BYTE * boundBytes(dispatch));
