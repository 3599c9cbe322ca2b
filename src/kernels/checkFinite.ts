/**
 * For debugging: notes which op was the first to make a NaN or an infinity of finite inputs. `found` (2) holds the
 * lowest number of such an op, and the number of the last op that had an input that was not finite. Values are tested
 * on their bits, since WGSL promises nothing about NaN.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS } from '../gpu/kernel.ts';

const checkKernel = memoize((note: string) =>
  defineKernel({
    name: `check finite: ${note}`,
    params: { count: 'u32', op: 'u32' },
    reads: { x: 'array<u32>' },
    writes: { found: 'array<atomic<u32>>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id < params.count && (x[id] & 0x7f800000u) == 0x7f800000u) { ${note} }
}`,
  }),
);

const NOTES = {
  input: 'atomicStore(&found[1], params.op);',
  output: 'if (atomicLoad(&found[1]) != params.op) { atomicMin(&found[0], params.op); }',
} as const;

/** Notes in `found` whether any of `count` f32 values, an input or output of op number `op`, is not finite. */
export function checkFinite(
  device: Device,
  role: 'input' | 'output',
  x: BufferView,
  count: number,
  found: BufferView,
  op: number,
): void {
  device.launch(checkKernel(NOTES[role]), { x, found }, { count, op }, linearGrid(Math.ceil(count / 64)));
}
