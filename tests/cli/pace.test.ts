/** The remaining time, estimated only from the steps of this process. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Pace } from '../../src/cli/pace.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('is not known before anything is done', () => {
  const pace = new Pace(5);
  expect(pace.secondsLeft(10)).toBeUndefined();
  vi.advanceTimersByTime(1000);
  pace.update(5);
  expect(pace.secondsLeft(10)).toBeUndefined();
});

it('leaves out what was done before', () => {
  const pace = new Pace(90);
  vi.advanceTimersByTime(4000);
  pace.update(92);
  expect(pace.secondsLeft(100)).toBe(16);
});

it('goes down while the next step is under way, but not below 0', () => {
  const pace = new Pace(0);
  vi.advanceTimersByTime(3000);
  pace.update(1);
  vi.advanceTimersByTime(1000);
  expect(pace.secondsLeft(3)).toBe(5);
  vi.advanceTimersByTime(60_000);
  expect(pace.secondsLeft(3)).toBe(0);
});

it('forgets a slow beginning', () => {
  const pace = new Pace(0);
  vi.advanceTimersByTime(100_000);
  for (let step = 1; step <= 31; step++) {
    pace.update(step);
    vi.advanceTimersByTime(1000);
  }
  // 69 steps of a second, one of which has passed since the last update.
  expect(pace.secondsLeft(100)).toBe(68);
});

it('is the mean over the last thirty updates, whatever each of them took', () => {
  const pace = new Pace(0);
  vi.advanceTimersByTime(1000);
  pace.update(1);
  vi.advanceTimersByTime(3000);
  pace.update(2);
  vi.advanceTimersByTime(5000);
  pace.update(3);
  expect(pace.secondsLeft(5)).toBe(6);
  for (let done = 4; done <= 32; done++) {
    vi.advanceTimersByTime(2000);
    pace.update(done);
  }
  // Updates 2 … 32: one of 5 seconds and 29 of 2.
  expect(pace.secondsLeft(62)).toBeCloseTo(5 + 29 * 2, 9);
});
