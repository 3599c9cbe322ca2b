/** Weights as a safetensors file: the parameters of a model by their names in a checkpoint, in f32. */
import { problemOf } from '../../base/errors.ts';
import { MemoryBudget } from '../../formats/budget.ts';
import { decodeFloat32 } from '../../formats/dtype.ts';
import { withCheckpointErrors } from '../../formats/error.ts';
import { openSafetensors } from '../../formats/safetensors.ts';
import { readStateDict } from '../../formats/stateDict.ts';
import type { ModelConfig } from '../../model/config.ts';
import { parameterShapes, type StateDict } from '../../model/stateDict.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { ClusterError } from './error.ts';

/** Bytes of a file besides its numbers: the most for itself, and for each tensor. */
const HEADER_BYTES = 4096;
const TENSOR_BYTES = 256;

/** Return the bytes of a model's parameters in f32, and the most bytes that a file of them has. */
export function weightBytes(config: ModelConfig): { readonly numbers: number; readonly most: number } {
  const shapes = [...parameterShapes(config).values()];
  const numbers = shapes.reduce((bytes, shape) => bytes + 4 * sizeOf(shape), 0);
  return { numbers, most: numbers + HEADER_BYTES + TENSOR_BYTES * shapes.length };
}

/** Read weights: exactly the parameters of the config, all finite. @throws ClusterError (`BAD_MESSAGE`) */
export function readWeights(bytes: Uint8Array, config: ModelConfig): StateDict {
  try {
    return withCheckpointErrors('weights', () => {
      const { tensors } = openSafetensors(bytes, new MemoryBudget(bytes.length));
      const weights = [...tensors].map(([name, { dtype, shape, bytes: stored }]) => {
        if (dtype !== 'F32') throw new Error(`${name.slice(0, 80)} is ${dtype}, not F32`);
        return [name, { dtype, shape, read: () => decodeFloat32(dtype, stored) }] as const;
      });
      return readStateDict(config, new Map(weights));
    });
  } catch (cause) {
    const problem = `the weights are not those of the model: ${problemOf(cause)}`;
    const fix = 'run the same version of mathformer on both machines';
    throw new ClusterError('BAD_MESSAGE', 'weights', problem, fix, { cause });
  }
}
