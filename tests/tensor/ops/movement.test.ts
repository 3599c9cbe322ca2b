/** Ops that move values: exact, whatever the shape. */
import fc from 'fast-check';
import { permute, type Tensor, transpose } from '../../../src/tensor/index.ts';
import * as oracle from '../../oracle/array.ts';
import { shapes } from '../../oracle/random.ts';
import { random } from '../againstOracle.ts';
import { describeOps, unaryCase } from './battery.ts';

const permuted = (shape: readonly number[], order: readonly number[], seed: number) =>
  unaryCase(
    random(shape, seed),
    (x: Tensor) => permute(x, order),
    (x) => oracle.permute(x, order),
  );

const transposed = (shape: readonly number[], seed: number) =>
  unaryCase(random(shape, seed), (x: Tensor) => transpose(x), oracle.transpose);

describeOps('Movement', [
  {
    name: 'permute',
    dtypes: 'all',
    cases: shapes({ maxRank: 6 }).chain((shape) =>
      fc
        .tuple(
          fc.shuffledSubarray(
            shape.map((_, i) => i),
            { minLength: shape.length },
          ),
          fc.nat(),
        )
        .map(([order, seed]) => permuted(shape, order, seed)),
    ),
    small: permuted([2, 3, 4], [2, 0, 1], 1),
  },
  {
    name: 'transpose',
    dtypes: 'all',
    cases: fc.tuple(shapes({ minRank: 2 }), fc.nat()).map(([shape, seed]) => transposed(shape, seed)),
    small: transposed([3, 4], 1),
  },
]);
