/** The queue of items on the server. */
import { expect, test } from 'vitest';
import { WorkQueue } from '../../../src/cluster/trainer/workQueue.ts';

test('the server is asked for the last item given out only if a later one may be', async () => {
  let [asked, last] = [0, 3];
  const info = async () => {
    asked++;
    return { delivered: { stream_seq: last } };
  };
  const server = { jsm: { consumers: { info } } };
  const queue = new WorkQueue(
    server as unknown as ConstructorParameters<typeof WorkQueue>[0],
    { names: { work: 'w' } } as unknown as ConstructorParameters<typeof WorkQueue>[1],
  );
  expect(await queue.delivered(5)).toBe(3);
  expect(await queue.delivered(3)).toBe(3);
  expect(asked).toBe(1);
  last = 5;
  expect(await queue.delivered(5)).toBe(5);
  expect(await queue.delivered(4)).toBe(5);
  expect(asked).toBe(2);
  last = 1;
  queue.forget();
  expect(await queue.delivered(4)).toBe(1);
});
