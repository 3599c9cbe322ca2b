/**
 * Models as Hugging Face directories of an `MptForCausalLM`, for transformers, TRL and vLLM: their files from a
 * checkpoint and back.
 */

import type { ModelConfig } from '../../model/config.ts';
import { checkVocabulary, type Task } from '../../tasks/task.ts';
import { MemoryBudget } from '../budget.ts';
import { CheckpointError, withCheckpointErrors } from '../error.ts';
import { type Checkpoint, writeSafetensors } from '../index.ts';
import { openCheckpoint } from '../open.ts';
import { CONFIG_FILE, fromMptConfig, specialTokenIds, toMptConfig } from './mptConfig.ts';
import { fromMptWeights, toMptWeights } from './mptWeights.ts';
import { representable } from './representable.ts';
import { tokenizerFiles } from './tokenizerFiles.ts';

/** The file of the weights. */
const WEIGHTS_FILE = 'model.safetensors';
/** What transformers' `generate` stops at if nothing else is said: its own default is 20 in all. */
const MAX_NEW_TOKENS = 256;
/** transformers wants to know who wrote the tensors, and `pt` is what it reads without a conversion. */
const FORMAT = ['format', 'pt'] as const;

/** The two files of a Hugging Face directory that make a model. */
export interface HuggingFaceModel {
  /** The text of `config.json`. */
  readonly config: string;
  /** The bytes of `model.safetensors`. */
  readonly weights: Uint8Array;
}

/**
 * The files of a Hugging Face directory by name: `config.json`, `generation_config.json`, `model.safetensors`,
 * `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`. A checkpoint of the `mpt` shape comes back
 * from `readHuggingFace` bit for bit.
 * @param task whose tokenizer the model was trained with.
 * @throws CheckpointError naming what MPT cannot represent, MathformerError if the task has another vocabulary.
 */
export function writeHuggingFace(checkpoint: Checkpoint, task: Task): Map<string, string | Uint8Array> {
  checkVocabulary(task, checkpoint.config);
  return withCheckpointErrors('export', () => {
    const { config, stateDict, metadata } = representable(checkpoint);
    const { bos, eos } = task.tokenizer;
    const special = { bos, eos };
    const documents = new Map<string, object>([
      [CONFIG_FILE, toMptConfig(config, special)],
      ['generation_config.json', { ...specialTokenIds(special), max_new_tokens: MAX_NEW_TOKENS }],
      ...tokenizerFiles(task),
    ]);
    const files = new Map<string, string | Uint8Array>();
    for (const [name, document] of documents) files.set(name, `${JSON.stringify(document, null, 2)}\n`);
    const tensors = toMptWeights(config, stateDict);
    return files.set(WEIGHTS_FILE, writeSafetensors({ tensors, metadata: new Map([...metadata, FORMAT]) }));
  });
}

/** The config of such a model, without its weights. @throws CheckpointError naming the option that is not supported. */
export function huggingFaceConfig({ config }: Pick<HuggingFaceModel, 'config'>, name: string): ModelConfig {
  return withCheckpointErrors(name, () => fromMptConfig(config));
}

/**
 * Reads a model as transformers saves it, with or without a tied output; half precision becomes float32. `name` is the
 * directory's, for messages.
 * @throws CheckpointError, and nothing else, naming the option or tensor that is not supported.
 */
export function readHuggingFace({ config: json, weights }: HuggingFaceModel, name: string): Checkpoint {
  return withCheckpointErrors(name, () => {
    const config = fromMptConfig(json);
    const opened = openCheckpoint(weights, new MemoryBudget(weights.length));
    if (opened.format !== 'safetensors') {
      const problem = 'it is no safetensors file';
      throw new CheckpointError('NOT_A_CHECKPOINT', WEIGHTS_FILE, problem, 'save it with transformers again');
    }
    const metadata = new Map([...opened.metadata].filter(([key]) => key !== FORMAT[0]));
    return { config, stateDict: fromMptWeights(config, opened.weights), metadata };
  });
}
