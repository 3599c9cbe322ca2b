/** Asking for items ahead. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AheadQueue } from '../../../src/cluster/worker/aheadQueue.ts';
import type { Delivery } from '../../../src/cluster/worker/itemQueue.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const { signal } = new AbortController();

/** A queue that counts requests, and answers them as the test says. */
function fakeQueue() {
  const answers: ((item: Delivery | 'missing' | undefined) => void)[] = [];
  const next = vi.fn(
    () => new Promise<Delivery | 'missing' | undefined>((resolve) => void answers.push(resolve)),
  );
  return { next, answers };
}

/** Return a queue with a way of some milliseconds. */
function queueOf(next: ReturnType<typeof fakeQueue>['next'], roundTrip: number): AheadQueue {
  return Object.assign(new AheadQueue({ next }), { roundTrip });
}

it('asks two round trips before the present item is done, and gives the answer to whom asks next', async () => {
  const { next, answers } = fakeQueue();
  const queue = queueOf(next, 50);
  queue.expect(1000, signal);
  vi.advanceTimersByTime(899);
  expect(next).toHaveBeenCalledTimes(0);
  vi.advanceTimersByTime(1);
  expect(next).toHaveBeenCalledTimes(1);
  const asked = queue.next(signal);
  expect(next).toHaveBeenCalledTimes(1);
  answers[0]?.('missing');
  expect(await asked).toBe('missing');
  void queue.next(signal);
  expect(next).toHaveBeenCalledTimes(2);
});

it('asks at once for what will soon be done, and never twice', () => {
  const { next } = fakeQueue();
  const queue = queueOf(next, 50);
  queue.expect(20, signal);
  vi.advanceTimersByTime(0);
  queue.expect(20, signal);
  vi.advanceTimersByTime(1000);
  expect(next).toHaveBeenCalledTimes(1);
});

it('does not ask ahead where the item is done before, or the server is near', () => {
  const { next } = fakeQueue();
  const far = queueOf(next, 50);
  far.expect(1000, signal);
  void far.next(signal);
  vi.advanceTimersByTime(2000);
  expect(next).toHaveBeenCalledTimes(1);
  const near = queueOf(next, 1);
  near.expect(1000, signal);
  vi.advanceTimersByTime(2000);
  expect(next).toHaveBeenCalledTimes(1);
});

it('hands back what it asked ahead when the work ends', async () => {
  const { next, answers } = fakeQueue();
  const queue = queueOf(next, 50);
  queue.expect(0, signal);
  vi.advanceTimersByTime(0);
  const handBack = vi.fn();
  const delivery: Pick<Delivery, 'handBack'> = { handBack };
  answers[0]?.(Object.assign(Object.create(null), delivery));
  await queue.close();
  expect(handBack).toHaveBeenCalledWith(0);
  queue.expect(10, signal);
  await queue.close();
  vi.advanceTimersByTime(1000);
  expect(next).toHaveBeenCalledTimes(1);
});
