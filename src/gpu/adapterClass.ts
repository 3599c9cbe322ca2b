/** Classes of adapters: the kernels that are probably fastest depend on them. */

/**
 * `wasm`: the WebAssembly adapter of this project. `cpu`: a driver that computes on the CPU. The others are GPUs, by what their
 * subgroups and memory are like; `gpu` is one that is not known.
 */
export const ADAPTER_CLASSES = ['wasm', 'cpu', 'nvidia', 'amd', 'intel', 'apple', 'mobile', 'gpu'] as const;

/** A class of adapters. */
export type AdapterClass = (typeof ADAPTER_CLASSES)[number];

/** Words of an adapter's vendor and description, and the class of those that have one of them, the first that matches. */
const WORDS: readonly (readonly [RegExp, AdapterClass])[] = [
  [/\bapple\b/i, 'apple'],
  [/\bnvidia\b/i, 'nvidia'],
  [/\b(arm|mali|qualcomm|adreno|img|imgtec|imagination|powervr|samsung|xclipse|broadcom)\b/i, 'mobile'],
  [/\b(amd|ati|radeon)\b/i, 'amd'],
  [/\bintel\b/i, 'intel'],
];

/** Return true for a driver that computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const words = [info.vendor, info.architecture, info.device, info.description].join(' ');
  return (
    info.isFallbackAdapter === true || /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i.test(words)
  );
}

/** Return true for an adapter of this project: it computes with WebAssembly, or checks what that would compute. */
export const isWebAssembly = ({ vendor }: Pick<GPUAdapterInfo, 'vendor'>): boolean => vendor === 'mathformer';

/** Return the class of an adapter. */
export function adapterClass(info: GPUAdapterInfo): AdapterClass {
  if (isWebAssembly(info) && info.architecture === 'wasm') return 'wasm';
  if (isSoftware(info)) return 'cpu';
  // A driver's description may name the vendor of the CPU as well, so the vendor comes first.
  for (const text of [info.vendor, info.description]) {
    const found = WORDS.find(([words]) => words.test(text ?? ''));
    if (found) return found[1];
  }
  return 'gpu';
}
