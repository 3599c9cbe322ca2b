/** Some hundred fuzzed programs. `npm run fuzz:wgsl` makes any number. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fuzzed, programs, textOf } from './arbitrary.ts';
import { firstDifference } from './differences.ts';
import { compiled, interpreted, onDevice, openDawn } from './judges.ts';
import { refusals } from './onDevice.ts';
import { failureOf, KINDS } from './property.ts';
import { run } from './run.ts';
import { isValid } from './validate.ts';

/** Another one each day would find more, and fail without a change: `npm run fuzz:wgsl` does that. */
const SEED = 20261128;

const sample = (kind: keyof typeof KINDS, count: number): Fuzzed[] =>
  fc.sample(programs(KINDS[kind]), { seed: SEED, numRuns: count });

const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[];

describe.each(kinds)('%s', (kind) => {
  it('are valid', () => {
    for (const { program } of sample(kind, 50)) expect(isValid(program)).toBe(true);
  });

  it('compute what the specification says when compiled', async () => {
    expect(await failureOf(compiled, KINDS[kind], { seed: SEED, numRuns: 80 })).toBeUndefined();
  });

  it('compute what the specification says when interpreted', async () => {
    const inRange = { ...KINDS[kind], inRange: true };
    expect(await failureOf(interpreted, inRange, { seed: SEED, numRuns: 40 })).toBeUndefined();
  });
});

/** Another compiler, where there is one, tells errors of the evaluator from those of the compiler under test. */
describe('Dawn', async () => {
  const device = await openDawn();

  it.skipIf(!device).each(kinds)('accepts programs: %s', async (kind) => {
    if (!device) return;
    for (const fuzzed of sample(kind, 100))
      expect(await refusals(device, textOf(fuzzed)), textOf(fuzzed)).toEqual([]);
  });

  it.skipIf(!device)('computes what the specification says, in integers', async () => {
    if (!device) return;
    const kind = { ...KINDS.integers, inRange: true };
    // The driver takes minutes for some long programs.
    const short = fc
      .sample(programs(kind), { seed: SEED, numRuns: 200 })
      .filter((fuzzed) => textOf(fuzzed).length < 1300);
    expect(short.length).toBeGreaterThan(5);
    for (const fuzzed of short.slice(0, 12)) {
      const code = textOf(fuzzed);
      const found = await onDevice(device)(fuzzed.program, code);
      expect(firstDifference(fuzzed.program, run(fuzzed.program).contents, found), code).toBeUndefined();
    }
  });
});
