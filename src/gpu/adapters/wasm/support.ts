/** Features of the engine: parts of WebAssembly that not every version has. */

/** Return a module with one function: `[] → []`, with this code. */
const moduleOf = (code: readonly number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
    ...[0x03, 0x02, 0x01, 0x00],
    ...[0x0a, code.length + 5, 0x01, code.length + 3, 0x00, ...code, 0x1a, 0x0b],
  ]);

/** `i32.const 0`, `i32x4.splat`. */
const VECTOR = [0x41, 0x00, 0xfd, 0x11];
/** `f32x4.relaxed_madd` of three vectors. */
const RELAXED_MADD = [...VECTOR, ...VECTOR, ...VECTOR, 0xfd, 0x85, 0x02];

/** Return true if the engine has WebAssembly SIMD: Chromium 91, Firefox 89, Safari 16.4, and later. */
export const hasSimd = (): boolean =>
  typeof WebAssembly === 'object' && WebAssembly.validate(moduleOf(VECTOR));

/** Return true if the engine has relaxed multiply-adds: Node 22, Chromium 114, Firefox 145, and later. */
export const hasRelaxedSimd = (): boolean => hasSimd() && WebAssembly.validate(moduleOf(RELAXED_MADD));

/** Return true if threads can share memory: in Node, and in pages that are cross-origin isolated. */
export function hasSharedMemory(): boolean {
  const { crossOriginIsolated = true } = globalThis as { readonly crossOriginIsolated?: boolean };
  return 'SharedArrayBuffer' in globalThis && crossOriginIsolated;
}
