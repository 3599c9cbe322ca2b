/** A few thousand mutants of each format; fuzz.ts makes as many more as one likes. */

import { describe, expect, it } from 'vitest';
import { fuzz, TARGETS } from './fuzz.ts';

const MUTANTS = 2000;

describe('mutated files', () => {
  it.each(Object.keys(TARGETS))('of %s are read or refused with a CheckpointError', (target) => {
    const { accepted, refused } = fuzz(target, MUTANTS, 20250701);
    const refusals = [...refused.values()].reduce((sum, count) => sum + count, 0);
    expect(accepted + refusals).toBe(MUTANTS);
    // Both happen, and for several reasons: otherwise the mutations would not reach the readers' depths.
    expect(refusals).toBeGreaterThan(MUTANTS / 2);
    expect(accepted).toBeGreaterThan(0);
    expect(refused.size).toBeGreaterThanOrEqual(3);
  });
});
