/** Partial credit for the steps of a scratchpad before its first wrong one. */
import type { Expression } from '../expressions/expression.ts';
import { STEP_SEPARATOR, scratchpadSteps } from './scratchpad.ts';

/**
 * Return the share of a tree's worked steps with which a text begins; the answer counts as one more step, so it is below 1.
 * A step is right if it is the next step of the worked solution. A true equation is not enough: `1=1, 2=2` gets nothing.
 */
export function partialCredit(tree: Expression, text: string): number {
  const expected = scratchpadSteps(tree);
  const written = text.split(STEP_SEPARATOR);
  const wrong = expected.findIndex((step, i) => step !== written[i]);
  return (wrong < 0 ? expected.length : wrong) / (expected.length + 1);
}
