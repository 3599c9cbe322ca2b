/** Small training steps: both modes do the same work, and known work belongs to kernels that run. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { grpoCase, stepCases, supervisedCase } from '../../bench/stepCases.ts';
import { countSteps, holds } from '../../bench/stepCounts.ts';
import { measureSteps } from '../../bench/steps.ts';
import type { Device } from '../../src/gpu/device.ts';
import { openDevice } from '../device.ts';

let [device, profiled]: (Device | undefined)[] = [];
beforeAll(async () => {
  device = await openDevice();
  profiled = await openDevice({ profile: true });
});
afterAll(() => {
  device?.destroy();
  profiled?.destroy();
});

const SMALL = { batchSize: 2, groupSize: 2, maxNewTokens: 20 };

test('steps are run eager, replayed and profiled', async () => {
  if (!device || !profiled) throw new Error('no device');
  const cases = [
    supervisedCase('tiny', { batch: 3, length: 8 }),
    grpoCase('grpo step', 'tiny', SMALL),
    grpoCase('rollout', 'tiny', SMALL),
  ];
  const { steps } = await measureSteps(device, profiled, cases, { rounds: 1 });
  const [supervised, grpo, rollout] = steps;
  if (!supervised || !grpo || !rollout) throw new Error('a step is missing');

  for (const { efficiency, tokens, rounds, kernels, replayed } of steps) {
    expect(rounds).toBe(1);
    expect(efficiency).toBeGreaterThan(0);
    expect(replayed.tokensPerSecond).toBeCloseTo(tokens / replayed.median, 6);
    const dispatches = kernels.reduce((sum, kernel) => sum + kernel.dispatches, 0);
    expect(dispatches).toBe(replayed.dispatches);
  }
  expect(supervised.tokens).toBe(24);
  expect(supervised.eager?.cpu).toBeGreaterThan(0);
  expect(grpo.tokens).toBeGreaterThan(4 * 4);
  expect(grpo.tokens).toBeLessThanOrEqual(4 * (60 + SMALL.maxNewTokens));
  expect(grpo.replayed.cpu).toBeNull();
  expect(rollout.eager).toBeNull();

  const namesOf = ({ kernels }: typeof grpo) => kernels.map(({ kernel }) => kernel);
  const training = ['attention forward', 'attention backward'];
  const decoding = ['decode attention', 'fill cache', 'sample'];
  expect(namesOf(supervised)).toEqual(expect.arrayContaining(training));
  expect(namesOf(grpo)).toEqual(expect.arrayContaining([...training, ...decoding]));
  expect(namesOf(rollout)).toEqual(expect.arrayContaining(['attention forward', ...decoding]));
});

test('dispatches are counted without running them: as many as a step takes that runs', async () => {
  if (!device) throw new Error('no device');
  const cases = [
    supervisedCase('tiny', { batch: 3, length: 8 }),
    grpoCase('grpo step', 'tiny', SMALL),
    grpoCase('rollout', 'tiny', SMALL),
  ];
  const counts = await countSteps(device, cases);
  for (const [i, each] of cases.entries()) {
    const step = each.prepare(device, { replay: true });
    const dispatches = async (): Promise<number> => {
      const before = device?.counters().dispatches ?? 0;
      await step();
      return (device?.counters().dispatches ?? 0) - before;
    };
    await dispatches();
    expect(counts[i]).toMatchObject({ name: each.name, adapter: await dispatches() });
  }
});

test('a limit counts for GPUs with and without subgroups', () => {
  const count = { name: '', adapter: 100, gpu: 60, withoutSubgroups: 60, limit: 60 };
  expect(holds(count)).toBe(true);
  expect(holds({ ...count, gpu: 61 })).toBe(false);
  expect(holds({ ...count, withoutSubgroups: 61 })).toBe(false);
  expect(holds({ ...count, withoutSubgroups: 61, limit: null })).toBe(true);
});

test('the original’s settings', () => {
  expect(stepCases().map(({ name }) => name)).toEqual([
    'supervised step, tiny, 128 × 64',
    'supervised step, small, 128 × 64',
    'supervised step, medium, 128 × 64',
    'grpo step, tiny, 32 × 4 × 256',
    'rollout, tiny, 32 × 4 × 256',
    'grpo step, small, 32 × 4 × 256',
  ]);
});
