/** How far a scratchpad came before its first wrong step. */
import type { Expression } from '../expressions/expression.ts';
import { STEP_SEPARATOR, scratchpadSteps } from './scratchpad.ts';

/**
 * The share of a tree's worked steps that a text begins with, the answer counting as one more step: 0 to 1, never 1.
 * A step is right if it is the one that comes next in the worked solution. Being true is not enough: whoever writes
 * `1=1, 2=2` has come nowhere.
 */
export function partialCredit(tree: Expression, text: string): number {
  const expected = scratchpadSteps(tree);
  const written = text.split(STEP_SEPARATOR);
  const wrong = expected.findIndex((step, i) => step !== written[i]);
  return (wrong < 0 ? expected.length : wrong) / (expected.length + 1);
}
