/** A few hundred mutants of each family. `npm run fuzz` makes any number. */

import { describe, expect, it } from 'vitest';
import { Examiner } from './examine.ts';
import { mutantsOf } from './mutant.ts';
import { FAMILIES } from './seeds.ts';

const MUTANTS = 300;

describe.each(FAMILIES)('mutants of %s files', (family) => {
  it('are read or refused with a CheckpointError, in little time and memory', () => {
    const mutant = mutantsOf(family, 20250701);
    const examiner = new Examiner();
    const codes = new Map<string, number>();
    for (let index = 0; index < MUTANTS; index++) {
      const { code } = examiner.examine(mutant(index));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    // All happen: otherwise the mutations would not reach the readers' depths.
    const reached =
      family === 'pt' ? ['UNSUPPORTED', 'FORBIDDEN_GLOBAL'] : ['WRONG_DTYPE', 'NOT_A_CHECKPOINT'];
    for (const code of ['accepted', 'CORRUPT', 'TRUNCATED', ...reached])
      expect([...codes.keys()]).toContain(code);
  });

  it('depend on the seed and their index alone', () => {
    const [once, again, other] = [1, 1, 2].map((seed) => mutantsOf(family, seed));
    again?.(0);
    expect(once?.(7)).toEqual(again?.(7));
    expect(once?.(7)).not.toEqual(other?.(7));
  });
});
