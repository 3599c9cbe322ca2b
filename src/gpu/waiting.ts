/**
 * Waiting for the GPU. In Node, Dawn's binding polls for finished work in every turn of the event loop, without a pause, and
 * makes a new function object each time. That takes most of a core, which a software adapter needs for computing. So while
 * waiting for a software adapter, each turn sleeps a little.
 */
import { isSoftware } from './adapterClass.ts';

/** Milliseconds to sleep: long compared with a turn (microseconds), short compared with the awaited work (milliseconds). */
const NAP_MS = 0.2;

/** Wait for work of the GPU. */
export type Wait = <Value>(work: Promise<Value>) => Promise<Value>;

/** Node's globals. Browsers notify instead of polling, and must not block; some pages define a `setImmediate`. */
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

/** Return the way to wait for an adapter. */
export const waitingFor = (info: GPUAdapterInfo): Wait => (isSoftware(info) ? waitNapping : (work) => work);
