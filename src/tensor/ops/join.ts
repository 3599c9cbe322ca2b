/** Ops that join and split tensors along an axis. */
import { ShapeError } from '../../base/errors.ts';
import { moveInto } from '../../kernels/movement.ts';
import { differentiable, differentiableParts, orZeros } from '../autograd.ts';
import { expectList, expectOperands, WORDS } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';
import { normaliseAxis, viewAxis, withSize } from './axes.ts';
import { narrow } from './movement.ts';
import { unsqueeze } from './reshape.ts';

const kindsOf = (tensors: readonly Tensor[]): string =>
  tensors.map(({ shape, dtype }) => `${showShape(shape)} ${dtype}`).join(', ');

/** Concatenate tensors along `axis`. Their other sizes and their dtypes must agree. */
export function cat(tensors: readonly Tensor[], axis = 0): Tensor {
  expectList('cat', 'tensors', tensors, WORDS);
  const [first] = tensors;
  if (!first) throw new ShapeError('cat', 'there is nothing to join', 'give at least one tensor');
  const along = normaliseAxis('cat', axis, first.shape);
  const agree = ({ shape, dtype }: Tensor): boolean =>
    dtype === first.dtype &&
    shape.length === first.shape.length &&
    shape.every((n, i) => i === along || n === first.shape[i]);
  if (!tensors.every(agree)) {
    throw new ShapeError(
      'cat',
      `${kindsOf(tensors)} do not join along axis ${axis}`,
      'make all sizes but that one, and the dtypes, equal',
    );
  }
  const sizes = tensors.map(({ shape }) => shape[along] as number);
  const size = sizes.reduce((total, n) => total + n, 0);
  const y = Tensor.empty(first.device, withSize(first.shape, along, size), first.dtype);
  const { outer, inner } = viewAxis(y.shape, along);
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((total, n) => total + n, 0));
  tensors.forEach((x, i) => {
    moveInto(first.device, x.view, y.view, [
      { count: outer, stride: size * inner },
      { count: (sizes[i] as number) * inner, stride: 1, start: (starts[i] as number) * inner },
    ]);
  });
  differentiable('cat', tensors, y, (dy) =>
    tensors.map((x, i) =>
      x.requiresGrad ? narrow(dy, along, starts[i] as number, sizes[i] as number) : undefined,
    ),
  );
  return y;
}

/** Join tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  expectList('stack', 'tensors', tensors, WORDS);
  const [first] = tensors;
  if (!first) throw new ShapeError('stack', 'there is nothing to stack', 'give at least one tensor');
  if (tensors.some(({ shape, dtype }) => `${shape}` !== `${first.shape}` || dtype !== first.dtype)) {
    throw new ShapeError(
      'stack',
      `${kindsOf(tensors)} are not of one kind`,
      'make the shapes and dtypes equal',
    );
  }
  return cat(
    tensors.map((x) => unsqueeze(x, axis)),
    axis < 0 ? axis + first.shape.length + 1 : axis,
  );
}

/** Copy the parts of x that have these sizes along an axis. */
function parts(name: string, x: Tensor, sizes: readonly number[], along: number): Tensor[] {
  const outputs: Tensor[] = [];
  let start = 0;
  for (const size of sizes) {
    outputs.push(narrow(x.detach(), along, start, size));
    start += size;
  }
  // One node for all parts joins their gradients at once, instead of padding each to the size of x and adding them.
  differentiableParts(name, [x], outputs, (gradients) => [
    cat(
      outputs.map((output, i) => orZeros(gradients[i], output)),
      along,
    ),
  ]);
  return outputs;
}

/** Split x along `axis` into parts of one size (the last may be smaller), or of the listed sizes, which must add up. */
export function split(x: Tensor, sizeOrSizes: number | readonly number[], axis = 0): Tensor[] {
  expectOperands('split', { x: [x, WORDS] });
  const along = normaliseAxis('split', axis, x.shape);
  const length = x.shape[along] as number;
  const sizes = typeof sizeOrSizes === 'number' ? evenSizes(length, sizeOrSizes) : sizeOrSizes;
  const valid = sizes.length > 0 && sizes.every((n) => Number.isInteger(n) && n >= 0);
  if (!valid || sizes.reduce((total, n) => total + n, 0) !== length) {
    throw new ShapeError(
      'split',
      `axis ${axis} of ${showShape(x.shape)} does not split into ${[sizeOrSizes].flat().join(', ')}`,
      `give a positive size, or sizes that add up to ${length}`,
    );
  }
  return parts('split', x, sizes, along);
}

/** Return the sizes of parts of `length`: `size` each, and the rest; at least one part. Empty for a size below 1. */
function evenSizes(length: number, size: number): number[] {
  if (!Number.isInteger(size) || size < 1) return [];
  return Array.from({ length: Math.max(1, Math.ceil(length / size)) }, (_, i) =>
    Math.min(size, length - i * size),
  );
}

/**
 * Split x along `axis` into `chunks` parts of equal size, rounded up. As in PyTorch the last part may be smaller, and there
 * may be fewer parts.
 */
export function chunk(x: Tensor, chunks: number, axis = 0): Tensor[] {
  expectOperands('chunk', { x: [x, WORDS] });
  const along = normaliseAxis('chunk', axis, x.shape);
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new ShapeError(
      'chunk',
      `${chunks} parts of ${showShape(x.shape)}`,
      'ask for a positive number of parts',
    );
  }
  const length = x.shape[along] as number;
  const sizes = length === 0 ? Array<number>(chunks).fill(0) : evenSizes(length, Math.ceil(length / chunks));
  return parts('chunk', x, sizes, along);
}

/** Shift x by `shift` positions along `axis`; values that leave one end enter at the other. */
export function roll(x: Tensor, shift: number, axis: number): Tensor {
  expectOperands('roll', { x: [x, WORDS] });
  const along = normaliseAxis('roll', axis, x.shape);
  const size = x.shape[along] as number;
  if (!Number.isInteger(shift)) {
    throw new ShapeError('roll', `${showShape(x.shape)} by ${shift} places`, 'give an integer');
  }
  const tail = size === 0 ? 0 : ((shift % size) + size) % size;
  return cat([narrow(x, along, size - tail, tail), narrow(x, along, 0, size - tail)], along);
}
