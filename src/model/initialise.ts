/** Initial weights, as PyTorch would give them. */

import { checkSeed } from '../base/options.ts';
import { RandomStream } from '../base/randomStream.ts';
import type { StateDict, StateTensor } from '../formats/index.ts';
import { type ModelConfig, parameterShapes } from './config.ts';

/** Keeps weights apart from the problems that a trainer draws from the same seed. */
const STREAM = 0x1417;

/**
 * Embedding and output weights uniform ±0.02, output bias 0, LayerNorm 1 and 0, all other layers uniform
 * ±1/√fan_in, weight and bias alike (PyTorch's default for `nn.Linear`). Every tensor has a random stream of its own.
 * @throws MathformerError unless the seed is an integer from 0 to 2^32 − 1.
 */
export function initialStateDict(config: ModelConfig, seed: number): StateDict {
  checkSeed(seed);
  const shapes = parameterShapes(config);
  const stateDict = new Map<string, StateTensor>();
  let stream = 0;
  for (const [name, shape] of shapes) {
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
    const random = new RandomStream({ seed, stream: STREAM, item: stream++ });
    if (/norm\w*\.weight$/.test(name)) data.fill(1);
    else if (!/norm\w*\.bias$|^out_proj\.bias$/.test(name)) {
      const bound = initialBound(name, shapes);
      for (let i = 0; i < data.length; i++) data[i] = (random.nextUint32() / 2 ** 31 - 1) * bound;
    }
    stateDict.set(name, { shape, data });
  }
  return stateDict;
}

function initialBound(name: string, shapes: ReadonlyMap<string, readonly number[]>): number {
  if (name === 'tok_emb.weight' || name === 'out_proj.weight') return 0.02;
  const fanIn = shapes.get(name.replace(/bias$/, 'weight'))?.at(-1) ?? 1;
  return 1 / Math.sqrt(fanIn);
}
