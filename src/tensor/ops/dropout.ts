/** Dropout with masks from the counter-based generator. */
import {
  expectKind,
  expectOptions,
  instanceOf,
  integer,
  type OptionKinds,
  objectKind,
  real,
  scalar,
} from '../../base/arguments.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { applyDropout, type MaskKey } from '../../kernels/dropout.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { draw, Generator } from '../random.ts';
import { Tensor } from '../tensor.ts';
import type { RandomOptions } from './random.ts';

/** The key of a dropout mask: equal keys give equal masks. */
export interface DropoutKey {
  readonly seed: number;
  /** Number of this dropout in the model. */
  readonly stream: number;
  readonly step: Scalar;
  /** If x is a part of a tensor, the number of elements before it: a multiple of 4. */
  readonly start?: Scalar;
}

const WORD = integer(0, 2 ** 32 - 1);
const KEY: OptionKinds<DropoutKey> = { seed: WORD, stream: WORD, step: scalar, start: scalar };
const RANDOM: OptionKinds<RandomOptions> = { generator: instanceOf(Generator) };

/** The stream of masks from a generator, far from the streams of models. */
const GENERATOR_STREAM = 0xffff_ffff;

/**
 * Return x·m/(1 − p), where m is 0 with probability p in [0, 1] and otherwise 1; zeros if p is 1. The mask comes from one
 * draw of `generator`, or from a key: equal keys give equal masks.
 */
export function dropout(x: Tensor, p: number, options: RandomOptions | DropoutKey): Tensor {
  expectOperands('dropout', { x: [x, FLOATS] });
  expectKind('dropout', 'p', p, real({ min: 0, max: 1 }));
  expectKind('dropout', 'the last argument', options, objectKind);
  if ('generator' in options) expectOptions('dropout', options, RANDOM, ['generator']);
  else expectOptions('dropout', options, KEY, ['seed', 'stream', 'step']);
  if (p === 0) return x;
  const key = 'generator' in options ? drawnKey(x, options) : options;
  const y = Tensor.empty(x.device, x.shape);
  applyDropout(x.device, x.view, y.view, x.size, p, key);
  differentiableByKernel('dropout', x, y, (dy, dx) =>
    applyDropout(x.device, dy.view, dx.view, x.size, p, key),
  );
  return y;
}

function drawnKey({ device }: Tensor, { generator }: RandomOptions): MaskKey {
  const { seedLow, seedHigh, offset } = draw(device, generator);
  return { seed: seedLow, seedHigh, stream: GENERATOR_STREAM, step: offset };
}
