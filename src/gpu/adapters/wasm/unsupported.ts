/** Parts of WebGPU that this adapter lacks: it only computes. */

/** @throws TypeError that names what to use instead. */
export function unsupported(what: string, instead: string): never {
  throw new TypeError(
    `${what} does not exist on the WebAssembly adapter, which only computes: use ${instead}`,
  );
}
