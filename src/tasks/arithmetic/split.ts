/** The side of an expression, whatever its spaces and redundant parentheses. */

import { type Expression, print } from '../expressions/expression.ts';
import { type Split, splitOfCanonical } from '../split.ts';

/** Return the side of a tree: that of its canonical text. */
export function splitOf(tree: Expression): Split {
  return splitOfCanonical(print(tree));
}
