/**
 * Checkpoints: reads the original's `.pt` files (zip, older pickle, with config or bare) and safetensors, recognised
 * by content; writes safetensors with the original's tensor names and this project's config in the metadata.
 *
 * Bytes in, bytes out: nothing here uses a disk or executes anything from a file. Every fault of a file is a
 * `CheckpointError`.
 */

import { type ModelConfig, validateModelConfig } from '../model/config.ts';
import type { StateDict } from '../model/stateDict.ts';
import { MemoryBudget } from './budget.ts';
import { type AssumedConfig, findConfig } from './configSource.ts';
import { CheckpointError, withCheckpointErrors } from './error.ts';
import { type CheckpointFormat, CONFIG_KEY, openCheckpoint, type Weight } from './open.ts';
import { float32Arrays, writeSafetensors } from './safetensors.ts';
import { readStateDict } from './stateDict.ts';

export type { StateDict, StateTensor } from '../model/stateDict.ts';
export type { AssumedConfig } from './configSource.ts';
export { CheckpointError, type CheckpointErrorCode } from './error.ts';
export type { CheckpointFormat } from './open.ts';
export { type NamedArray, readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.ts';

/** A model at rest; `stateDict` holds exactly the parameters of the config's layers, all finite. */
export interface Checkpoint {
  readonly config: ModelConfig;
  readonly stateDict: StateDict;
  /** Free text stored beside the weights. The key `config` is reserved. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** A checkpoint that was read, with its format. */
export interface ReadCheckpoint extends Checkpoint {
  readonly format: CheckpointFormat;
}

/**
 * Reads a checkpoint of any known format. `name` is the file's, for messages; `assumed` says what a bare
 * state_dict cannot. Takes at most twice the file's length plus 100 MB. Throws `CheckpointError` and nothing else.
 */
export function readCheckpoint(bytes: Uint8Array, name: string, assumed: AssumedConfig = {}): ReadCheckpoint {
  return withCheckpointErrors(name, () => {
    const opened = openCheckpoint(bytes, new MemoryBudget(bytes.length));
    const config = findConfig(opened, assumed);
    const stateDict = readStateDict(config, opened.weights);
    return { config, stateDict, metadata: opened.metadata, format: opened.format };
  });
}

/**
 * Writes a checkpoint as safetensors. Throws `CheckpointError` if the tensors are not those of the config or not
 * finite: a file that `readCheckpoint` would refuse is never written.
 */
export function writeCheckpoint({ config, stateDict, metadata }: Checkpoint): Uint8Array {
  return withCheckpointErrors('checkpoint', () => {
    const checked = checkedConfig(config);
    if (metadata.has(CONFIG_KEY)) {
      const problem = `the key ${CONFIG_KEY} holds the model config`;
      throw new CheckpointError('BAD_CONFIG', 'metadata', problem, 'choose another key');
    }
    const weights = new Map<string, Weight>();
    for (const [name, { shape, data }] of stateDict)
      weights.set(name, { shape, dtype: 'F32', read: () => data });
    const tensors = float32Arrays(readStateDict(checked, weights));
    return writeSafetensors({
      tensors,
      metadata: new Map([...metadata, [CONFIG_KEY, JSON.stringify(checked)]]),
    });
  });
}

function checkedConfig(config: ModelConfig): ModelConfig {
  try {
    return validateModelConfig(config);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : 'invalid';
    throw new CheckpointError('BAD_CONFIG', 'config', problem, 'make it with modelConfig', { cause });
  }
}
