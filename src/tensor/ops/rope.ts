/** Rotary position embedding (Su et al., 2104.09864), by halves, as in transformers' llama. */
import { expectKind, expectOptions, integer, type OptionKinds, real } from '../../base/arguments.ts';
import { pow } from '../../base/elementary.ts';
import { ShapeError } from '../../base/errors.ts';
import { rotate } from '../../kernels/rope.ts';
import { differentiable } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';

/** Options of `ropeFrequencies`. */
export interface RopeFrequencyOptions {
  /** Base of the frequencies. Default: 10,000. */
  readonly theta?: number;
}

const FREQUENCY_OPTIONS: OptionKinds<RopeFrequencyOptions> = { theta: real({ min: 0, aboveMin: true }) };

/**
 * Return the frequencies theta^(−2i/headDim), i = 0 … headDim/2 − 1, for `rope`: headDim words. Word i is frequency i in
 * turns per position, in units of 2⁻³²; word headDim/2 + i is its remainder, in units of 2⁻⁶⁴.
 * @throws ArgumentError if headDim is odd.
 */
export function ropeFrequencies(
  headDim: number,
  options: RopeFrequencyOptions = {},
): Uint32Array<ArrayBuffer> {
  expectKind('ropeFrequencies', 'headDim / 2', headDim / 2, integer(1));
  expectOptions('ropeFrequencies', options, FREQUENCY_OPTIONS);
  const { theta = 10_000 } = options;
  const half = headDim / 2;
  const words = new Uint32Array(headDim);
  for (let i = 0; i < half; i++) {
    const turns = (pow(theta, (-2 * i) / headDim) / (2 * Math.PI)) % 1;
    const high = Math.floor(turns * 2 ** 32);
    words[i] = high;
    words[half + i] = Math.floor((turns * 2 ** 32 - high) * 2 ** 32);
  }
  return words;
}

/** Options of `rope`. */
export interface RopeOptions {
  /** Number of leading heads to rotate; the others are copied. Default: all. */
  readonly heads?: number;
}

const OPTIONS: OptionKinds<RopeOptions> = { heads: integer(0) };

/**
 * Rotate the heads of x (…, n·headDim), consecutive in a row, by the row's position p:
 * y = x·cos(p·f) + (−x[headDim/2:], x[:headDim/2])·sin(p·f) with the frequencies f repeated for both halves.
 * `positions` u32 has one entry for each row, or those of the first rows, which then repeat: (T) serves x (B,T,…).
 * `frequencies` u32 (headDim) is made by `ropeFrequencies`. Angles are exact to 1e-8 at every position.
 * @throws ShapeError if the shapes disagree.
 */
export function rope(x: Tensor, positions: Tensor, frequencies: Tensor, options: RopeOptions = {}): Tensor {
  expectOperands('rope', {
    x: [x, FLOATS],
    positions: [positions, ['u32']],
    frequencies: [frequencies, ['u32']],
  });
  expectOptions('rope', options, OPTIONS);
  const { device, shape } = x;
  const columns = shape.at(-1) ?? 0;
  const headDim = frequencies.size;
  const heads = columns / headDim;
  const { heads: rotated = heads } = options;
  const rows = columns === 0 ? 0 : x.size / columns;
  if (
    headDim === 0 ||
    headDim % 2 !== 0 ||
    shape.length === 0 ||
    columns % headDim !== 0 ||
    rotated > heads
  ) {
    throw new ShapeError(
      'rope',
      `x ${showShape(shape)} for ${options.heads ?? 'all'} heads, frequencies ${showShape(frequencies.shape)}`,
      'x must be (…, n·headDim), with at least as many heads as turn, and frequencies those of ropeFrequencies(headDim)',
    );
  }
  if (positions.size === 0 ? rows > 0 : rows % positions.size !== 0) {
    throw new ShapeError(
      'rope',
      `positions ${showShape(positions.shape)} for ${rows} rows`,
      'give one position for each row, or a number of them that divides the rows',
    );
  }
  const size = { rows, positions: positions.size, heads, headDim, rotated };
  const turned = (from: Tensor, backward: boolean): Tensor => {
    const to = Tensor.empty(device, shape);
    const constants = { positions: positions.view, frequencies: frequencies.view };
    rotate(device, { x: from.view, y: to.view, ...constants }, { ...size, backward });
    return to;
  };
  const y = turned(x, false);
  differentiable('rope', [x], y, (dy) => [turned(dy, true)]);
  return y;
}
