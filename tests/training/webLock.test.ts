/** One tab at a time writes to a run. */
import { expect, it } from 'vitest';
import { type LockManager, webLock } from '../../src/training/webLock.ts';

/** The locks of an origin, as https://w3c.github.io/web-locks says. */
function fakeLocks(): LockManager {
  const held = new Set<string>();
  return {
    async request(name, _, callback) {
      if (held.has(name)) return callback(null);
      held.add(name);
      try {
        await callback({ name });
      } finally {
        held.delete(name);
      }
    },
  };
}

it('is given to one, and to the next once it is free', async () => {
  const locks = fakeLocks();
  const unlock = await webLock(locks, 'runs/a');
  await webLock(locks, 'runs/b');
  await expect(webLock(locks, 'runs/a')).rejects.toMatchObject({
    code: 'IN_USE',
    where: 'runs/a',
    message:
      'another tab of this browser has this run open; close that tab, or press Reset there and keep the run, and try again',
  });
  unlock();
  await new Promise((resolve) => setTimeout(resolve));
  expect(await webLock(locks, 'runs/a')).toBeTypeOf('function');
});
