/** The tuner's cases of rows and of routing: every variant that fits computes what the portable one does, from operands it can read. */
import { expect, test } from 'vitest';
import { type AnyTuningCase, tune } from '../../src/gpu/tuning.ts';
import { routingCases } from '../../src/kernels/moeTuningCases.ts';
import { gatherCases, normCases, replayCase, sampleCase } from '../../src/kernels/rowTuningCases.ts';
import { openDevice } from '../device.ts';

const CASES: readonly (readonly [string, number, readonly AnyTuningCase[]])[] = [
  ['LayerNorm', 3, normCases({ R: 96, d: 32, centred: true, bias: true })],
  ['RMSNorm', 3, normCases({ R: 96, d: 32, centred: false, bias: false })],
  ['log-probabilities', 2, gatherCases(64, 57)],
  ['sampling', 1, [sampleCase(16, 57)]],
  ['replay', 1, [replayCase(64, 57)]],
  ['routing', 6, routingCases({ R: 96, experts: 4, k: 2, d: 32 })],
];

test.each(CASES)('%s: %i cases whose candidates agree', async (_, count, cases) => {
  const device = await openDevice();
  const results = await tune(device, cases);
  device.destroy();
  expect(results).toHaveLength(count);
  for (const { key, candidates } of results) {
    expect(candidates.length, key).toBeGreaterThan(1);
    for (const { variant, result } of candidates) expect(result, `${key}: ${variant}`).toBeTypeOf('number');
  }
});
