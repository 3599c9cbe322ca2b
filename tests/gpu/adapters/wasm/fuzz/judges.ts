/** Runners of fuzzed programs: the compiler, the checking interpreter, and Dawn. */

import { checkShader } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { AdapterError, openAdapter } from '../../../../../src/gpu/node.ts';
import { findingsOf } from '../checked/launch.ts';
import { run as compileAndRun } from '../emit/launch.ts';
import { runOnDevice } from './onDevice.ts';
import type { Program } from './program.ts';
import type { Contents } from './run.ts';

/** Runs a program whose text is `code`, and returns the contents of its bindings at the end. */
export type Judge = (program: Program, code: string) => Contents | Promise<Contents>;

/** Takes buffers in the order of the bindings that the kernel uses. */
type Runner = (launch: {
  readonly wgsl: string;
  readonly buffers: readonly Uint32Array<ArrayBuffer>[];
  readonly workgroups: Program['workgroups'];
}) => void;

const judgeOf =
  (runner: Runner): Judge =>
  ({ data, workgroups }, wgsl) => {
    const contents = new Map([...data].map(([binding, bytes]) => [binding, bytes.slice()]));
    const bindings = checkShader(wgsl).variables.flatMap(({ binding }) => binding ?? []);
    const buffers = bindings.map(
      (binding) => new Uint32Array((contents.get(binding) ?? new Uint8Array(0)).buffer),
    );
    runner({ wgsl, buffers, workgroups });
    return contents;
  };

/** As WebAssembly. */
export const compiled = judgeOf(compileAndRun);

/**
 * In the checking interpreter, which must find nothing wrong. Programs may read workgroup memory that they never wrote: it is zero
 * in WGSL, but a fault in a kernel.
 */
export const interpreted = judgeOf((launch) => {
  const found = findingsOf(launch).find(({ kind }) => kind !== 'undefined value');
  if (found) throw new Error(found.message);
});

/** Return a judge that runs programs on a device. @throws Error if the device refuses one. */
export function onDevice(device: GPUDevice): Judge {
  return async (program, code) => {
    device.pushErrorScope('validation');
    const contents = await runOnDevice(device, program, code);
    const error = await device.popErrorScope();
    if (error) throw new Error(error.message);
    return contents;
  };
}

/** Open a device of Dawn on the system's software driver; undefined if there is none. */
export async function openDawn(): Promise<GPUDevice | undefined> {
  try {
    const { adapter } = await openAdapter({ name: 'lavapipe' });
    return await adapter.requestDevice();
  } catch (error) {
    if (error instanceof AdapterError) return undefined;
    throw error;
  }
}
