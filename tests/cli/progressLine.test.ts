/** The progress line fits the terminal: if it is too long, the ETA is dropped last. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { progressLine } from '../../src/cli/progressLine.ts';

const STATE = {
  label: 'GRPO',
  done: 45,
  total: 90,
  values: ['loss 0.0012', 'reward 0.5333', 'kl 0.0001'],
  eta: '3m20s',
};

it.each([
  [120, 'GRPO [============------------] 45/90 loss 0.0012 reward 0.5333 kl 0.0001 ETA 3m20s'],
  [79, 'GRPO [==========----------] 45/90 loss 0.0012 reward 0.5333 kl 0.0001 ETA 3m20s'],
  [59, 'GRPO 45/90 loss 0.0012 reward 0.5333 kl 0.0001 ETA 3m20s'],
  [39, 'GRPO 45/90 loss 0.0012 ETA 3m20s'],
  [22, 'GRPO 45/90 ETA 3m20s'],
  [17, '45/90 ETA 3m20s'],
])('in %d columns', (columns, line) => {
  expect(progressLine(STATE, columns)).toBe(line);
});

it('never is wider than the terminal, nor ends before its ETA where the count and the ETA fit', () => {
  const state = fc.record({
    label: fc.constantFrom('GRPO', 'Pretraining', 'Evaluating'),
    total: fc.integer({ min: 1, max: 1_000_000 }),
    done: fc.integer({ min: 0, max: 1_000_000 }),
    values: fc.array(fc.constantFrom('loss 0.1234', 'kl 1.0e-9', 'reward -0.2500'), { maxLength: 4 }),
    eta: fc.constantFrom('?', '9s', '59m59s', '100h00m'),
  });
  fc.assert(
    fc.property(state, fc.integer({ min: 1, max: 200 }), (each, columns) => {
      const line = progressLine(each, columns);
      expect(line.length).toBeLessThanOrEqual(columns);
      const essential = `${each.done}/${each.total} ETA ${each.eta}`.length;
      if (columns >= essential) expect(line.endsWith(` ETA ${each.eta}`)).toBe(true);
    }),
  );
});

it('draws the share that is done, which another process may have begun', () => {
  const bars = [0, 1, 3, 4].map((done) => {
    const line = progressLine({ ...STATE, values: [], done, total: 4 }, 200);
    return line.match(/=/g)?.length ?? 0;
  });
  expect(bars).toEqual([0, 6, 18, 24]);
});
