/** The short form of `npm run chaos`: some scenarios once, in a short run. */
import { beforeAll, describe, expect, test } from 'vitest';
import { hasNatsServer } from '../cluster/natsServer.ts';
import { type Expected, expectedOf, play } from './play.ts';
import { SCENARIOS, type ScenarioName } from './scenarios.ts';

/** The scenarios that are played here: one of each kind, as they take some ten seconds each. */
const PLAYED = [
  'item',
  'ack',
  'trainer',
  'server',
  'emptied',
  'swallow',
  'superseded',
] as const satisfies readonly ScenarioName[];

const SIZE = { steps: 8, kills: 1, seed: 0 };

describe.skipIf(!hasNatsServer)('whatever happens, the run becomes what it becomes without workers', () => {
  let expected: Expected;
  beforeAll(async () => {
    expected = await expectedOf(SIZE);
    expect(expected.traces.steps).toEqual(Array.from({ length: SIZE.steps }, (_, i) => i + 1));
  });

  test.each(PLAYED)('%s', async (name) => {
    const played = await play(SCENARIOS[name], SIZE, expected);
    if (typeof played === 'string') return console.warn(`skipped: ${played}`);
    expect(played.traces).toEqual(expected.traces);
  });
});
