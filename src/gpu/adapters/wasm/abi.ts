/**
 * Interface of a compiled kernel: a WebAssembly module that imports `env.memory`, the one memory that all buffers lie in, and
 * exports `run`.
 *
 * `run(launch, first, end, scratch)` runs the workgroups `first` ≤ n < `end`, numbered x fastest, then y, then z. It reads the
 * launch block at `launch`: u32 counts of workgroups in x, y and z, one u32 of padding, then for each binding of the kernel, in
 * the order of `bindings`, its byte address (a multiple of 16) and its byte length. `scratch` is the address (a multiple of 16) of
 * `scratchBytes` bytes that belong to the calling thread: workgroup memory, and what invocations cannot keep in locals. Their
 * contents are undefined at the start, and no workgroup sees what another one left.
 *
 * Bindings and scratch lie at or above `FIRST_ADDRESS`, so that a constant part of an index can be an offset of an instruction:
 * the address without it is then not negative. Launch blocks may lie anywhere. The memory is shared or not, as the options of
 * `compileKernel` say; any size fits.
 */

/** A kernel as WebAssembly. */
export interface CompiledKernel {
  /** The module. */
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** Numbers of the bindings, in ascending order. */
  readonly bindings: readonly number[];
  readonly scratchBytes: number;
}

/** The export of a compiled kernel. All arguments are u32, in a WebAssembly i32. */
export type Run = (launch: number, first: number, end: number, scratch: number) => void;

/** The lowest address of bindings and scratch. */
export const FIRST_ADDRESS = 65536;
/** Byte offset of the first binding in a launch block. */
export const LAUNCH_BINDINGS = 16;
/** Return the bytes of a launch block. */
export const launchBytes = (bindings: number): number => LAUNCH_BINDINGS + 8 * bindings;
