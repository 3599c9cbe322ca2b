/** What WebGPU has and this adapter has not: it only computes. */

/** @throws TypeError that names what to use instead. */
export function unsupported(what: string, instead: string): never {
  throw new TypeError(
    `${what} does not exist on the WebAssembly adapter, which only computes: use ${instead}`,
  );
}
