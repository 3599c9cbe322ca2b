/** Einstein summation like `torch.einsum`: products of tensors, with an index for each axis. */
import { expectKind, text } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { move } from '../../kernels/movement.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectList, FLOATS } from '../operands.ts';
import { showShape, sizeOf, Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { permute } from './movement.ts';
import { sum } from './reduce.ts';
import { reshape } from './reshape.ts';

/** A tensor, and a distinct one-letter index for each axis. */
interface Term {
  readonly tensor: Tensor;
  readonly indices: readonly string[];
}

/**
 * Multiply all operands and sum over every index that the output lacks: 'ij,jk->ik' is a matrix product, 'ii->i' a diagonal,
 * 'ij->' a sum, 'i,j->ij' an outer product. Without '->' the output has the indices that occur once, in alphabetical order.
 * '...' stands for unnamed axes. They broadcast, aligned at the last one, and come first in an implicit output; an explicit
 * output without '...' sums over them. Axes of size 1 broadcast. Operands are multiplied from left to right.
 * @throws ShapeError naming the equation, the operand and the index.
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  expectKind('einsum', 'the equation', equation, text);
  expectList('einsum', 'operands', operands, FLOATS);
  const { inputs, output } = parse(equation, operands);
  const sizes = sizesOf(equation, inputs, operands);
  const terms = inputs.map((indices, i) => withoutRepeats(stretched(indices, operands[i] as Tensor, sizes)));
  const [first, ...rest] = terms as [Term, ...Term[]];
  const total = rest.reduce((left, right, i) => {
    const later = new Set([...output, ...rest.slice(i + 1).flatMap(({ indices }) => indices)]);
    return contract(left, right, later, sizes);
  }, first);
  const kept = reduceTo(total, new Set(output));
  return ordered(kept, output);
}

function fail(equation: string, message: string, fix: string): never {
  throw new ShapeError('einsum', `'${equation}': ${message}`, fix);
}

const ELLIPSIS = '...';
const lettersOf = (term: string): string => term.replace(/[^a-zA-Z]/g, '');

/** Return the indices of the axes of an ellipsis, which are digits: the last `count` of `most`, aligned at the last axis. */
const coveredAxes = (count: number, most: number): string =>
  Array.from({ length: Math.max(0, count) }, (_, i) => most - count + i).join('');

function parse(equation: string, operands: readonly Tensor[]): { inputs: string[][]; output: string[] } {
  const [left = '', right, ...more] = equation.replace(/\s/g, '').split('->');
  const terms = left.split(',');
  for (const term of [...terms, right ?? '']) {
    const wrong = /[^a-zA-Z,]/.exec(term.replace(ELLIPSIS, ''))?.[0];
    if (wrong)
      fail(equation, `'${wrong}' is not an index`, "name every axis with a letter, or several by one '...'");
  }
  if (more.length > 0 || right?.includes(',')) {
    fail(
      equation,
      'there is more than one output',
      "write inputs, then '->', then the indices of one output",
    );
  }
  if (terms.length !== operands.length) {
    fail(
      equation,
      `it names ${terms.length} operands, ${operands.length} are given`,
      'name each operand once',
    );
  }
  const covered = operands.map(({ shape }, i) => shape.length - lettersOf(terms[i] ?? '').length);
  const most = Math.max(0, ...covered.filter((_, i) => terms[i]?.includes(ELLIPSIS)));
  const names = terms.map((term, i) => term.replace(ELLIPSIS, coveredAxes(covered[i] ?? 0, most)));
  operands.forEach(({ shape }, i) => {
    if (names[i]?.length !== shape.length) {
      fail(
        equation,
        `operand ${i} has shape ${showShape(shape)}, not ${names[i]?.length} axes`,
        'name every axis',
      );
    }
  });
  const all = names.join('');
  const once = [...new Set(lettersOf(all))]
    .filter((index) => all.indexOf(index) === all.lastIndexOf(index))
    .sort();
  const written = right === undefined ? once : [...right.replace(ELLIPSIS, coveredAxes(most, most))];
  // In an implicit output the axes of the ellipsis come first.
  const output = right === undefined ? [...coveredAxes(most, most), ...written] : written;
  output.forEach((index, i) => {
    if (!all.includes(index)) fail(equation, `no operand has the output's index '${index}'`, 'leave it out');
    if (output.indexOf(index) !== i) fail(equation, `the output has '${index}' twice`, 'name it once');
  });
  return { inputs: names.map((name) => [...name]), output };
}

/** Return the size of every index: that of its axes, ignoring axes of size 1. */
function sizesOf(
  equation: string,
  inputs: readonly (readonly string[])[],
  operands: readonly Tensor[],
): Map<string, number> {
  const sizes = new Map<string, number>();
  operands.forEach(({ shape }, i) => {
    inputs[i]?.forEach((index, axis) => {
      const size = shape[axis] as number;
      const known = sizes.get(index) ?? 1;
      const own = shape[inputs[i]?.indexOf(index) ?? axis] as number;
      if (own !== size || (known !== 1 && size !== 1 && known !== size)) {
        const message = `index '${index}' of operand ${i} has size ${size}, before that ${known}`;
        fail(
          equation,
          message,
          'axes of one index must have one size; those of another operand may have size 1',
        );
      }
      sizes.set(index, known === 1 ? size : known);
    });
  });
  return sizes;
}

/** Return the operand without the axes of size 1 that broadcast. */
function stretched(indices: readonly string[], tensor: Tensor, sizes: ReadonlyMap<string, number>): Term {
  const kept = indices
    .map((_, axis) => axis)
    .filter((axis) => tensor.shape[axis] === sizes.get(indices[axis] ?? ''));
  if (kept.length === indices.length) return { tensor, indices };
  const shape = kept.map((axis) => tensor.shape[axis] as number);
  return { tensor: reshape(tensor, shape), indices: kept.map((axis) => indices[axis] as string) };
}

/** Return the operand with axes of equal index replaced by their diagonal. */
function withoutRepeats({ tensor, indices }: Term): Term {
  const repeated = indices.find((index, i) => indices.indexOf(index) !== i);
  if (repeated === undefined) return { tensor, indices };
  const pair = [indices.indexOf(repeated), indices.lastIndexOf(repeated)];
  const others = indices.map((_, axis) => axis).filter((axis) => !pair.includes(axis));
  return withoutRepeats({
    tensor: diagonal(permute(tensor, [...others, ...pair])),
    indices: [...others.map((axis) => indices[axis] as string), repeated],
  });
}

/** (…,n,n) → (…,n). */
function diagonal(x: Tensor): Tensor {
  const n = x.shape.at(-1) as number;
  const count = sizeOf(x.shape.slice(0, -2));
  const y = Tensor.empty(x.device, x.shape.slice(0, -1));
  move(x.device, x.view, y.view, [
    { count, stride: n * n },
    { count: n, stride: n + 1 },
  ]);
  differentiableByKernel('einsum', x, y, (dy, dx) => {
    const walk = { count: n * n, stride: 1, size: n, dilation: n + 1 };
    move(x.device, dy.view, dx.view, [{ count, stride: n }, walk]);
  });
  return y;
}

/** Sum over the indices that are not needed. */
function reduceTo({ tensor, indices }: Term, needed: ReadonlySet<string>): Term {
  const axes = indices.flatMap((index, axis) => (needed.has(index) ? [] : [axis]));
  if (axes.length === 0) return { tensor, indices };
  return { tensor: sum(tensor, { axes }), indices: indices.filter((index) => needed.has(index)) };
}

/** Permute the axes to the order of `indices`. */
function ordered(term: Term, indices: readonly string[]): Tensor {
  if (indices.every((index, i) => term.indices[i] === index)) return term.tensor;
  return permute(
    term.tensor,
    indices.map((index) => term.indices.indexOf(index)),
  );
}

/** Multiply two terms, and sum over the indices that neither `later` terms nor the output need. */
function contract(a: Term, b: Term, later: ReadonlySet<string>, sizes: ReadonlyMap<string, number>): Term {
  const left = reduceTo(a, new Set([...later, ...b.indices]));
  const right = reduceTo(b, new Set([...later, ...a.indices]));
  const shared = left.indices.filter((index) => right.indices.includes(index));
  const batch = shared.filter((index) => later.has(index));
  const inner = shared.filter((index) => !later.has(index));
  const rows = left.indices.filter((index) => !shared.includes(index));
  const columns = right.indices.filter((index) => !shared.includes(index));
  const length = (indices: readonly string[]): number =>
    sizeOf(indices.map((index) => sizes.get(index) ?? 1));
  const [B, M, K, N] = [batch, rows, inner, columns].map(length) as [number, number, number, number];
  const indices = [...batch, ...rows, ...columns];
  const shape = indices.map((index) => sizes.get(index) ?? 1);
  if (inner.length > 0 && rows.length + columns.length > 0) {
    const matrixA = reshape(ordered(left, [...batch, ...rows, ...inner]), [B, M, K]);
    const matrixB = reshape(ordered(right, [...batch, ...inner, ...columns]), [B, K, N]);
    return { tensor: reshape(matmul(matrixA, matrixB), shape), indices };
  }
  // Without a sum, or with sums of single numbers, multiply elementwise instead of by matmul.
  const valuesA = reshape(ordered(left, [...batch, ...inner, ...rows]), [B * K, M, 1]);
  const valuesB = reshape(ordered(right, [...batch, ...inner, ...columns]), [B * K, 1, N]);
  const products = reshape(mul(valuesA, valuesB), [B, K, M * N]);
  return { tensor: reshape(sum(products, { axes: [1] }), shape), indices };
}
