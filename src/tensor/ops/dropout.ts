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
import { differentiable } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { draw, Generator } from '../random.ts';
import { Tensor } from '../tensor.ts';
import type { RandomOptions } from './random.ts';

/** What makes a dropout mask: the same key gives the same mask. */
export interface DropoutKey {
  readonly seed: number;
  /** Which dropout of the model this is. */
  readonly stream: number;
  readonly step: Scalar;
  /** Elements before the first of x, where x is a part of a tensor: a multiple of 4. */
  readonly start?: Scalar;
}

const WORD = integer(0, 2 ** 32 - 1);
const KEY: OptionKinds<DropoutKey> = { seed: WORD, stream: WORD, step: scalar, start: scalar };
const RANDOM: OptionKinds<RandomOptions> = { generator: instanceOf(Generator) };

/** The stream of masks that come from a generator, far from those that models count. */
const GENERATOR_STREAM = 0xffff_ffff;

/**
 * x·m/(1 − p) with m = 0 with probability p, from 0 to 1: zeros where p is 1. The mask comes from one draw of `generator`, or from a key:
 * the same key gives the same mask.
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
  differentiable('dropout', [x], [y], ([dy]) => {
    if (!dy) return [];
    const dx = Tensor.empty(x.device, x.shape);
    applyDropout(x.device, dy.view, dx.view, x.size, p, key);
    return [dx];
  });
  return y;
}

function drawnKey({ device }: Tensor, { generator }: RandomOptions): MaskKey {
  const { seedLow, seedHigh, offset } = draw(device, generator);
  return { seed: seedLow, seedHigh, stream: GENERATOR_STREAM, step: offset };
}
