/** Weights at rest, by their names in a checkpoint. */
import { checkSeed } from '../base/options.ts';
import { RandomStream } from '../base/randomStream.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { architectureOf, type ModelConfig } from './config.ts';
import type { Weight } from './layers/layer.ts';
import { ModelConfigError } from './modelConfigError.ts';

/** A parameter: row-major float32 data, `data.length` = product of `shape`. */
export interface StateTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Weights by their names in a checkpoint. */
export type StateDict = ReadonlyMap<string, StateTensor>;

/** Keeps weights apart from the problems that a trainer draws from the same seed. */
const STREAM = 0x1417;

/** Every trainable tensor's checkpoint name and shape, in the order of a checkpoint; linear weights are (out, in). */
export function parameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  const { parameters } = architectureOf(config).decoder(config);
  return new Map(parameters.map(({ name, shape }) => [name, shape]));
}

/**
 * Random weights as the layers declare them. Every tensor has a random stream of its own.
 * @throws MathformerError unless the seed is an integer from 0 to 2^32 − 1.
 */
export function initialStateDict(config: ModelConfig, seed: number): StateDict {
  checkSeed(seed);
  const { parameters } = architectureOf(config).decoder(config);
  return new Map(
    parameters.map(({ name, shape, initial }, item) => {
      const random = new RandomStream({ seed, stream: STREAM, item });
      return [name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => initial(random)) }];
    }),
  );
}

/** The values of a weight: those of its parts, end to end. @throws ModelConfigError naming a part that is missing. */
export function joinParts({ parts, shape }: Weight, stateDict: StateDict): Float32Array<ArrayBuffer> {
  const values = new Float32Array(sizeOf(shape));
  let offset = 0;
  for (const { name } of parts) {
    const data = stateDict.get(name)?.data;
    if (!data) {
      throw new ModelConfigError('model', `the weights lack '${name}'`, 'load a matching checkpoint');
    }
    values.set(data, offset);
    offset += data.length;
  }
  return values;
}

/** The parts of a weight, copied from its values. */
export function splitParts({ parts }: Weight, values: Float32Array): [name: string, part: StateTensor][] {
  let end = 0;
  return parts.map(({ name, shape }) => {
    const start = end;
    end += sizeOf(shape);
    return [name, { shape, data: values.slice(start, end) }];
  });
}
