/** Ops on whole rows: embedding and selection. */
import { expectKind, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { matmulOuter, outerPartBytes } from '../../kernels/matmulOuter/index.ts';
import { NO_ROW, selectRows } from '../../kernels/rows.ts';
import { differentiable, differentiableByKernel, gradientTarget } from '../autograd.ts';
import { expectIndices } from '../indices.ts';
import { expectOperands, FLOATS, INDICES } from '../operands.ts';
import { showShapes, Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { indexSelect } from './indexing.ts';
import { flatten, reshape } from './reshape.ts';

/**
 * Return scale · weight[ids], (…ids, d), for weight (V,d) and ids, u32 or i32, below V. Fastest if d is a multiple of 4.
 */
export function embedding(ids: Tensor, weight: Tensor, scale = 1): Tensor {
  expectOperands('embedding', { ids: [ids, INDICES], weight: [weight, FLOATS] });
  expectKind('embedding', 'scale', scale, real());
  const [V, d] = weight.shape as [number, number];
  if (weight.shape.length !== 2) {
    throw new ShapeError('embedding', showShapes({ ids, weight }), 'the weight must be (V,d)');
  }
  expectIndices('embedding', 'ids', ids, { size: V });
  if (d % 4 !== 0) {
    const rows = reshape(indexSelect(weight, 0, flatten(ids)), [...ids.shape, d]);
    return scale === 1 ? rows : mul(rows, scale);
  }
  const { device } = weight;
  const y = Tensor.empty(device, [...ids.shape, d]);
  selectRows(device, { x: weight.view, index: ids.view, y: y.view }, { count: ids.size, d, scale });
  const size = { R: ids.size, M: V, N: d };
  const gradient = (dy: Tensor) => {
    const target = gradientTarget(weight);
    matmulOuter(device, {
      a: ids.view,
      b: dy.view,
      c: target.view,
      ...size,
      oneHotScale: scale,
    });
    return [target.result];
  };
  differentiable('embedding', [weight], y, gradient, { partBytes: outerPartBytes(device, size) });
  return y;
}

/** A selection of distinct rows on the GPU, in both directions. `NO_ROW` means no row. */
export interface RowSelection {
  /** u32 (rows): the source row of each result row; a result row without one is 0. */
  readonly index: Tensor;
  /** u32 (R): the result row of each source row. */
  readonly inverse: Tensor;
}

/**
 * Return for each of R source rows its result row, given distinct source rows.
 * @throws ShapeError if a row is repeated or does not exist.
 */
export function inverseRows(rows: Uint32Array, R: number): Uint32Array<ArrayBuffer> {
  const inverse = new Uint32Array(R).fill(NO_ROW);
  rows.forEach((row, i) => {
    if (row >= R || inverse[row] !== NO_ROW) {
      throw new ShapeError('takeRows', `row ${row} is repeated or not below ${R}`, 'name each row once');
    }
    inverse[row] = i;
  });
  return inverse;
}

/** Return the selected rows of x (R,d): (rows, d). Fastest if d is a multiple of 4. */
export function takeRows(x: Tensor, rows: Uint32Array<ArrayBuffer> | RowSelection): Tensor {
  expectOperands('takeRows', {
    x: [x, FLOATS],
    ...('index' in rows && { index: [rows.index, ['u32']], inverse: [rows.inverse, ['u32']] }),
  });
  const { device } = x;
  const [R, d] = x.shape as [number, number];
  if (x.shape.length !== 2) {
    throw new ShapeError('takeRows', showShapes({ x }), 'x must be (rows, d)');
  }
  const { index, inverse } =
    'index' in rows
      ? rows
      : { index: Tensor.from(device, rows), inverse: Tensor.from(device, inverseRows(rows, R)) };
  if (d % 4 !== 0) return indexSelect(x, 0, index);
  const y = Tensor.empty(device, [index.size, d]);
  selectRows(device, { x: x.view, index: index.view, y: y.view }, { count: index.size, d });
  differentiableByKernel('takeRows', x, y, (dy, dx) =>
    selectRows(device, { x: dy.view, index: inverse.view, y: dx.view }, { count: R, d }),
  );
  return y;
}
