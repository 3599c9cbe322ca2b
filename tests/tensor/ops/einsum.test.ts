/** Einstein sums of every kind, against a reference that multiplies and adds index by index. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { einsum, Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { type Computation, expectSameAsOracle, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

type Sizes = Readonly<Record<string, number>>;

function computation(
  equation: string,
  sizes: Sizes,
  seed: number,
  ones: readonly number[] = [],
): Computation {
  const names = (equation.split('->')[0] ?? '').replaceAll(' ', '').split(',');
  let axis = 0;
  const shapes = names.map((name) =>
    [...name].map((index) => (ones.includes(axis++) ? 1 : (sizes[index] as number))),
  );
  const volume = oracle.sizeOf([...new Set(names.join(''))].map((index) => sizes[index] as number));
  return {
    inputs: shapes.map((shape, i) => random(shape, seed + i)),
    gpu: (inputs) => einsum(equation, ...inputs),
    oracle: (inputs) => oracle.einsum(equation, inputs),
    forward: summed(volume),
    gradient: () => summed(volume),
  };
}

const EQUATIONS = [
  'ij,jk->ik',
  'ij,jk',
  'ij,kj->ki',
  'bij,bjk->bik',
  'bhtd,bhsd->bhts',
  'i,j->ij',
  'i,i->',
  'ij,ij->i',
  'ij,ij->ij',
  'ij->ji',
  'ji',
  'ij->',
  'ijk->j',
  'ii->i',
  'ii',
  'iji->ij',
  'iij,jkk->ki',
  'iii->i',
  'ij,jk,kl->il',
  'ij,jk,ki',
  'i,ij,j->',
  'ij,,k->jk',
  'bi,oij,bj->bo',
  'ab,cd->dbca',
  'ij , jk -> ki',
];

const size = fc.constantFrom(0, 1, 1, 2, 3, 4, 5, 7, 9);
const random_ = fc
  .tuple(fc.constantFrom(...EQUATIONS), fc.array(size, { minLength: 26, maxLength: 26 }), fc.nat())
  .map(([equation, drawn, seed]) =>
    computation(
      equation,
      Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((c, i) => [c, drawn[i] ?? 1])),
      seed,
    ),
  );

describeOps('Einstein summation', [
  {
    name: 'einsum',
    dtypes: 'f32',
    runs: 60,
    cases: random_,
    small: computation('iij,jk->ki', { i: 3, j: 2, k: 3 }, 1),
  },
]);

describe('einsum', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each(EQUATIONS)('%s', async (equation) => {
    const sizes = Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((c, i) => [c, 2 + (i % 5)]));
    await expectSameAsOracle(device, computation(equation, sizes, 7));
  });

  test('axes of size 1 stretch', async () => {
    await expectSameAsOracle(device, computation('ij,jk->ik', { i: 3, j: 4, k: 5 }, 1, [1]));
    await expectSameAsOracle(device, computation('ij,ij->ij', { i: 3, j: 4 }, 2, [0, 3]));
    await expectSameAsOracle(device, computation('i,i->i', { i: 3 }, 3, [0, 1]));
  });

  test('seven indices in all', async () => {
    const sizes = { a: 2, b: 3, c: 2, d: 2, e: 3, f: 2, g: 3 };
    await expectSameAsOracle(device, computation('abcdef,defg->abcg', sizes, 4));
  });

  test.each([
    // As PyTorch has them: the same equation with letters for the axes that '...' covers.
    { equation: '...ij->...ji', letters: 'abij->abji', shapes: [[2, 3, 4, 5]] },
    { equation: '...ij->...ji', letters: 'ij->ji', shapes: [[4, 5]] },
    {
      equation: '...ij,...jk->...ik',
      letters: 'abij,bjk->abik',
      shapes: [
        [2, 3, 4, 2],
        [3, 2, 3],
      ],
    },
    {
      equation: 'i...,...k',
      letters: 'iab,abk->abik',
      shapes: [
        [2, 1, 4],
        [3, 4, 2],
      ],
    },
    { equation: '...ii->...i', letters: 'aii->ai', shapes: [[2, 3, 3]] },
    { equation: 'i...j->ji...', letters: 'iabj->jiab', shapes: [[2, 3, 1, 2]] },
    { equation: '...i->i', letters: 'abi->i', shapes: [[2, 3, 4]] },
    { equation: '...', letters: 'ab->ab', shapes: [[2, 3]] },
    { equation: 'ij->ji...', letters: 'ij->ji', shapes: [[2, 3]] },
    {
      equation: '...,...,...a->...a',
      letters: 'bc,c,a->bca',
      shapes: [[2, 3], [3], [4]],
    },
  ])('$equation is $letters', async ({ equation, letters, shapes }) => {
    await expectSameAsOracle(device, {
      inputs: shapes.map((shape, i) => random(shape, i)),
      gpu: (inputs) => einsum(equation, ...inputs),
      oracle: (inputs) => oracle.einsum(letters, inputs),
    });
  });

  test('infinities off the diagonal leave it alone', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, Number.POSITIVE_INFINITY, Number.NaN, 2], [2, 2]);
    expectClose(await einsum('ii->i', x).data(), [1, 2]);
    expect(await einsum('ii', x).item()).toBe(3);
  });

  test('what is wrong is named: equation, operand, index', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    const run =
      (equation: string, ...operands: Tensor[]) =>
      () =>
        einsum(equation, ...operands);
    expect(run('ij,jk->ik', zeros(2, 3), zeros(4, 5))).toThrow(
      "einsum: 'ij,jk->ik': index 'j' of operand 1 has size 4, before that 3",
    );
    expect(run('ii->i', zeros(2, 3))).toThrow("'ii->i': index 'i' of operand 0 has size 3, before that 2");
    expect(run('ii->i', zeros(1, 3))).toThrow("'ii->i': index 'i' of operand 0 has size 3, before that 1");
    expect(run('ij->i', zeros(2))).toThrow("'ij->i': operand 0 has shape (2), not 2 axes");
    expect(run('ij,jk', zeros(2, 3))).toThrow("'ij,jk': it names 2 operands, 1 are given");
    expect(run('ij->k', zeros(2, 3))).toThrow("'ij->k': no operand has the output's index 'k'");
    expect(run('ij->ii', zeros(2, 3))).toThrow("'ij->ii': the output has 'i' twice");
    for (const equation of ['.i->i', '....i->i', '...i...->i', 'i->i......']) {
      expect(run(equation, zeros(2, 3))).toThrow(`'${equation}': '.' is not an index`);
    }
    expect(run('...ijk->i', zeros(2, 3))).toThrow("'...ijk->i': operand 0 has shape (2,3), not 3 axes");
    expect(run('i...,i...->i', zeros(2, 3), zeros(2, 4))).toThrow('of operand 1 has size 4, before that 3');
    expect(run('i->i->i', zeros(2))).toThrow("'i->i->i': there is more than one output");
    expect(run('i->i', Tensor.zeros(device, [2], 'u32'))).toThrow(
      'einsum: operands[0] (2) has dtype u32, not f32',
    );
    expect(() => einsum('->')).toThrow("einsum: '->': it names 1 operands, 0 are given");
  });
});
