/** Ops on whole rows: embedding look-up and selection of rows. */
import { ShapeError } from '../../errors.ts';
import { matmulOuter } from '../../kernels/matmulOuter.ts';
import { NO_ROW, selectRows } from '../../kernels/rows.ts';
import { differentiable, gradientTarget } from '../autograd.ts';
import { showShape, Tensor } from '../tensor.ts';

/** scale · weight[ids]: (…ids, d) from weight (V,d) and u32 ids. Ids must be below V. */
export function embedding(ids: Tensor, weight: Tensor, scale = 1): Tensor {
  const [V, d] = weight.shape as [number, number];
  if (ids.dtype !== 'u32' || weight.shape.length !== 2 || d % 4 !== 0) {
    throw new ShapeError(
      'embedding',
      `ids ${showShape(ids.shape)} ${ids.dtype}, weight ${showShape(weight.shape)}`,
      'ids must be u32 and the weight (V,d) with d a multiple of 4',
    );
  }
  const { device } = weight;
  const y = Tensor.empty(device, [...ids.shape, d]);
  selectRows(device, { x: weight.view, index: ids.view, y: y.view }, { count: ids.size, d, scale });
  differentiable('embedding', [weight], [y], ([dy]) => {
    if (!dy) return [];
    const target = gradientTarget(weight);
    matmulOuter(device, {
      a: ids.view,
      b: dy.view,
      c: target.view,
      R: ids.size,
      M: V,
      N: d,
      oneHotScale: scale,
    });
    return [target.result];
  });
  return y;
}

/** The rows of x (R,d) named by `rows`, which must be distinct: (rows, d), d a multiple of 4. */
export function takeRows(x: Tensor, rows: Uint32Array<ArrayBuffer>): Tensor {
  const { device } = x;
  const [R, d] = x.shape as [number, number];
  if (x.shape.length !== 2 || d % 4 !== 0) {
    throw new ShapeError('takeRows', `x ${showShape(x.shape)}`, 'x must be (rows, d) with d a multiple of 4');
  }
  const inverse = new Uint32Array(R).fill(NO_ROW);
  rows.forEach((row, i) => {
    if (row >= R || inverse[row] !== NO_ROW) {
      throw new ShapeError(
        'takeRows',
        `row ${row} is repeated or not in ${showShape(x.shape)}`,
        'name each row once',
      );
    }
    inverse[row] = i;
  });
  const index = Tensor.from(device, rows);
  const y = Tensor.empty(device, [rows.length, d]);
  selectRows(device, { x: x.view, index: index.view, y: y.view }, { count: rows.length, d });
  differentiable('takeRows', [x], [y], ([dy]) => {
    if (!dy) return [];
    const dx = Tensor.empty(device, x.shape);
    const back = Tensor.from(device, inverse);
    selectRows(device, { x: dy.view, index: back.view, y: dx.view }, { count: R, d });
    return [dx];
  });
  return y;
}
