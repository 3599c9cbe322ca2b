/** Arbitrary expression trees for property tests. */

import fc from 'fast-check';
import type { Expression } from '../../../src/tasks/expressions/expression.ts';

const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('integer' as const), value: fc.bigInt({ min: 0n, max: 999n }) }),
    fc.record({
      kind: fc.constant('unary' as const),
      operator: fc.constantFrom('-' as const, 'next' as const, 'prev' as const, 'abs' as const),
      operand: tie('tree'),
    }),
    fc.record({
      kind: fc.constant('binary' as const),
      operator: fc.constantFrom(
        '+' as const,
        '-' as const,
        '*' as const,
        '/' as const,
        '%' as const,
        'min' as const,
        'max' as const,
      ),
      left: tie('tree'),
      right: tie('tree'),
    }),
  ),
}));

export const expressionTree: fc.Arbitrary<Expression> = tree;
