/** The short form of `npm run chaos`: each scenario once, in a short run. */
import { beforeAll, describe, expect, test } from 'vitest';
import { hasNatsServer } from '../cluster/natsServer.ts';
import { type Expected, expectedOf, play } from './play.ts';
import { SCENARIOS } from './scenarios.ts';

const SIZE = { steps: 12, kills: 1, seed: 0 };

describe.skipIf(!hasNatsServer)('whatever happens, the run becomes what it becomes without workers', () => {
  let expected: Expected;
  beforeAll(async () => {
    expected = await expectedOf(SIZE);
    expect(expected.traces.steps).toEqual(Array.from({ length: SIZE.steps }, (_, i) => i + 1));
  });

  test.each(Object.entries(SCENARIOS))('%s', async (_, scenario) => {
    const played = await play(scenario, SIZE, expected);
    if (typeof played === 'string') return console.warn(`skipped: ${played}`);
    expect(played.traces).toEqual(expected.traces);
  });
});
