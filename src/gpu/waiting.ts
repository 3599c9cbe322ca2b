/**
 * Waiting for the GPU. In Node, Dawn's binding asks for what has finished once per turn of the event loop, without a
 * rest, with a new function object each time that keeps the garbage collector busy: most of a core, which a driver
 * that computes on the CPU has better uses for. So while something is waited for there, each turn takes a nap.
 */

/** Long against the microseconds of a turn, short against the milliseconds of what is waited for. */
const NAP_MS = 0.2;

/** Waits for what the GPU does. */
export type Wait = <Value>(work: Promise<Value>) => Promise<Value>;

/** Browsers notify instead of asking, and must not block; some pages bring a `setImmediate` of their own. */
const { process, setImmediate: nextTurn } = globalThis as {
  process?: { readonly versions?: { readonly node?: string } };
  setImmediate?: (turn: () => void) => void;
};
const clock = process?.versions?.node && new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let napping = false;

function nap(): void {
  napping = waiting > 0;
  if (!clock || !napping) return;
  Atomics.wait(clock, 0, 0, NAP_MS);
  nextTurn?.(nap);
}

const waitNapping: Wait = async (work) => {
  waiting++;
  if (!napping) nap();
  try {
    return await work;
  } finally {
    waiting--;
  }
};

/** How to wait for an adapter. */
export const waitingFor = (info: GPUAdapterInfo): Wait => (isSoftware(info) ? waitNapping : (work) => work);

/** True for an implementation that runs on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const words = [info.vendor, info.architecture, info.device, info.description].join(' ');
  return (
    info.isFallbackAdapter === true || /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i.test(words)
  );
}
