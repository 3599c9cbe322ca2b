/** Backends that run a checked shader: the compiler and the interpreter. Both take the same launches. */
import { run as interpret } from '../checked/launch.ts';
import { run as compileAndRun } from '../emit/launch.ts';

export interface Launch {
  readonly wgsl: string;
  /** Buffers in the order of the bindings. The kernel writes into them. */
  readonly buffers: readonly (
    | Float32Array<ArrayBuffer>
    | Uint32Array<ArrayBuffer>
    | Int32Array<ArrayBuffer>
  )[];
  readonly workgroups?: readonly [number, number, number];
}

/** Run a kernel. @throws Error if it does something that WGSL does not define. */
export type Backend = (launch: Launch) => void;

export const BACKENDS: readonly { readonly name: string; readonly run: Backend }[] = [
  { name: 'compiled', run: compileAndRun },
  { name: 'interpreted', run: interpret },
];
