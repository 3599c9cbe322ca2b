/**
 * Waiting for the GPU. In Node, Dawn's binding polls for finished work in every turn of the event loop, without a pause, and
 * makes a new function object each time. That takes most of a core, which a software adapter needs for computing. So while
 * waiting for a software adapter, each turn sleeps a little.
 *
 * Firefox looks for finished work every 100 ms, and at each submission. So while waiting there, empty submissions follow each other:
 * the next one when Firefox has taken the last one, or they would pile up while its GPU process compiles.
 */
import { isSoftware, isWebAssembly } from './adapterClass.ts';

/** Milliseconds to sleep: long compared with a turn (microseconds), short compared with the awaited work (milliseconds). */
const NAP_MS = 0.2;
/** Milliseconds between empty submissions. Browsers make 4 of 1 when a timer has started a timer some times. */
const NUDGE_MS = 1;

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

/** The globals of browsers that are used. */
interface Browser {
  readonly navigator?: { readonly userAgent?: string } | undefined;
  readonly setTimeout: (run: () => void, milliseconds: number) => unknown;
}

const isFirefox = (): boolean => /\bFirefox\//.test((globalThis as Browser).navigator?.userAgent ?? '');

/** The part of a device that takes empty submissions, and says when it took one: the answer to an error scope. */
type Nudged = Pick<GPUDevice, 'pushErrorScope' | 'popErrorScope'> & {
  readonly queue: Pick<GPUQueue, 'submit'>;
};

/** Return a way to wait that submits nothing, again and again, as long as anything waits. */
function nudging(device: Nudged): Wait {
  const { setTimeout } = globalThis as Browser;
  let waiting = 0;
  let isTimed = false;
  const later = (): void => {
    isTimed = waiting > 0;
    if (isTimed) setTimeout(nudge, NUDGE_MS);
  };
  const nudge = (): void => {
    if (waiting === 0) {
      isTimed = false;
      return;
    }
    device.pushErrorScope('validation');
    device.queue.submit([]);
    device.popErrorScope().then(later, later); // fails once the device is lost
  };
  return async (work) => {
    waiting++;
    if (!isTimed) later();
    try {
      return await work;
    } finally {
      waiting--;
    }
  };
}

/** Return the way to wait for a device. */
export function waitingFor(device: Nudged & Pick<GPUDevice, 'adapterInfo'>): Wait {
  const { adapterInfo } = device;
  if (isFirefox() && !isWebAssembly(adapterInfo)) return nudging(device);
  return isSoftware(adapterInfo) ? waitNapping : (work) => work;
}
