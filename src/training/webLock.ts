/** Only one tab at a time writes to a run: it holds a Web Lock, which the browser releases at every end of the tab. */
import { MathformerError } from '../base/errors.ts';

/** The part of `navigator.locks` that is used: https://w3c.github.io/web-locks. */
export interface LockManager {
  /** Hold a lock until the promise of the callback resolves; the callback gets null if another holds the lock. */
  request(
    name: string,
    options: { readonly ifAvailable: true },
    callback: (lock: object | null) => Promise<void>,
  ): Promise<unknown>;
}

/** Lock a name; returns a function that unlocks it. @throws MathformerError, IN_USE. */
export function webLock(locks: LockManager, name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const asked = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) throw occupied(name);
      return new Promise<void>((unlock) => resolve(unlock));
    });
    asked.catch(reject);
  });
}

function occupied(name: string): MathformerError {
  const fix = 'close that tab, or press Reset there and keep the run, and try again';
  const details = { code: 'IN_USE', where: name, fix };
  return new MathformerError('another tab of this browser has this run open', details);
}
