/**
 * Models as Hugging Face directories, for transformers, TRL and vLLM: their files from a checkpoint and back. An
 * `LlamaForCausalLM` is a model of the `llama` architecture, an `MptForCausalLM` one of `mpt`.
 */
import { z } from 'zod';
import type { ModelConfig } from '../../model/config.ts';
import { checkVocabulary, type Task, type Tokenizer } from '../../tasks/task.ts';
import { MemoryBudget } from '../budget.ts';
import { CheckpointError, quoted, withCheckpointErrors } from '../error.ts';
import { type Checkpoint, writeSafetensors } from '../index.ts';
import { openCheckpoint, type Weight } from '../open.ts';
import { CONFIG_FILE, parseJson, parseOptions, type SpecialTokens, specialTokenIds } from './configJson.ts';
import { fromLlamaConfig, toLlamaConfig } from './llamaConfig.ts';
import { fromMptConfig, MAX_SEQUENCE_LENGTH, toMptConfig } from './mptConfig.ts';
import { representable } from './representable.ts';
import { llamaNames, mptNames } from './tensorNames.ts';
import { readTokenizer, type TokenizerTexts } from './tokenizer.ts';
import { TOKENIZER_CONFIG_FILE, TOKENIZER_FILE, tokenizerFiles } from './tokenizerFiles.ts';
import { fromWeights, toWeights } from './weights.ts';

/** The file of the weights. */
const WEIGHTS_FILE = 'model.safetensors';
const GENERATION_FILE = 'generation_config.json';
/** Default maximum length for transformers' `generate`, whose own default is 20 tokens in total. */
const MAX_NEW_TOKENS = 256;
/** transformers wants to know who wrote the tensors, and `pt` is what it reads without a conversion. */
const FORMAT = ['format', 'pt'] as const;

/** The files of a Hugging Face directory that make a model. */
export interface HuggingFaceModel {
  /** The text of `config.json`. */
  readonly config: string;
  /** The bytes of `model.safetensors`, or of each of its shards. */
  readonly weights: Uint8Array | readonly Uint8Array[];
}

/** The files of the weights: one, or its shards. */
export const weightFiles = ({ weights }: Pick<HuggingFaceModel, 'weights'>): readonly Uint8Array[] =>
  weights instanceof Uint8Array ? [weights] : weights;

const modelType = z.looseObject({ model_type: z.literal(['mpt', 'llama']) });

/** Read a config, and transformers' names of its tensors. */
function knownModel(json: string) {
  const candidate = parseJson(json);
  const { model_type: type } = parseOptions(modelType, candidate);
  switch (type) {
    case 'mpt': {
      const config = fromMptConfig(candidate);
      return { config, names: mptNames(config) };
    }
    case 'llama': {
      const config = fromLlamaConfig(candidate);
      return { config, names: llamaNames(config) };
    }
    default:
      return type satisfies never;
  }
}

/**
 * Make the files of a Hugging Face directory by name: `config.json`, `generation_config.json`, `model.safetensors`,
 * `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`. A checkpoint of the `llama` or the `mpt` shape
 * comes back from `readHuggingFace` bit for bit.
 * @param tokenizer the task that the model was trained on, or the tokenizer of the directory that it was read from, whose
 * files are copied.
 * @throws CheckpointError naming what MPT cannot represent, MathformerError if the task has another vocabulary.
 */
export function writeHuggingFace(
  checkpoint: Checkpoint,
  tokenizer: Task | TokenizerTexts,
): Map<string, string | Uint8Array> {
  if (!isTexts(tokenizer)) checkVocabulary(tokenizer, checkpoint.config);
  return withCheckpointErrors('export', () => {
    const special = isTexts(tokenizer) ? readTokenizer(tokenizer, 'tokenizer') : tokenizer.tokenizer;
    const { document, tensors, longest } = exported(checkpoint, { bos: special.bos, eos: special.eos });
    const metadata = new Map([...checkpoint.metadata, FORMAT]);
    return new Map<string, string | Uint8Array>([
      [CONFIG_FILE, jsonText(document)],
      ...(isTexts(tokenizer) ? copiedFiles(tokenizer, special) : taskFiles(tokenizer, longest)),
      [WEIGHTS_FILE, writeSafetensors({ tensors, metadata })],
    ]);
  });
}

const isTexts = (tokenizer: Task | TokenizerTexts): tokenizer is TokenizerTexts =>
  typeof tokenizer.tokenizer === 'string';

const jsonText = (document: object): string => `${JSON.stringify(document, null, 2)}\n`;

const generationConfig = ({ bos, eos }: SpecialTokens): string =>
  jsonText({ ...specialTokenIds({ bos, eos }), max_new_tokens: MAX_NEW_TOKENS });

function taskFiles(task: Task, longest: number): [name: string, text: string][] {
  const { bos, eos } = task.tokenizer;
  return [
    [GENERATION_FILE, generationConfig({ bos, eos })],
    ...[...tokenizerFiles(task, longest)].map(([name, file]): [string, string] => [name, jsonText(file)]),
  ];
}

function copiedFiles(texts: TokenizerTexts, { bos, eos }: Tokenizer): [name: string, text: string][] {
  const { tokenizer, tokenizerConfig } = texts;
  return [
    [GENERATION_FILE, texts.generationConfig ?? generationConfig({ bos, eos })],
    [TOKENIZER_FILE, tokenizer],
    ...(tokenizerConfig === undefined
      ? []
      : [[TOKENIZER_CONFIG_FILE, tokenizerConfig] satisfies [string, string]]),
  ];
}

function exported({ config, stateDict }: Checkpoint, special: SpecialTokens) {
  if (config.architecture === 'llama') {
    const tensors = toWeights(llamaNames(config), stateDict);
    return { document: toLlamaConfig(config, special), tensors, longest: config.maxPositions };
  }
  const mpt = representable(config, stateDict);
  const tensors = toWeights(mptNames(mpt.config), mpt.stateDict);
  return { document: toMptConfig(mpt.config, special), tensors, longest: MAX_SEQUENCE_LENGTH };
}

/** The config of such a model, without its weights. @throws CheckpointError naming the option that is not supported. */
export function huggingFaceConfig({ config }: Pick<HuggingFaceModel, 'config'>, name: string): ModelConfig {
  return withCheckpointErrors(name, () => knownModel(config).config);
}

/**
 * Reads a model as transformers saves it, with or without a tied output; half precision becomes float32. `name` is the
 * directory's, for messages.
 * @throws CheckpointError, and nothing else, naming the option or tensor that is not supported.
 */
export function readHuggingFace({ config: json, weights }: HuggingFaceModel, name: string): Checkpoint {
  return withCheckpointErrors(name, () => {
    const { config, names } = knownModel(json);
    const { stored, metadata } = openWeights(weightFiles({ weights }));
    metadata.delete(FORMAT[0]);
    return { config, stateDict: fromWeights(config, names, stored), metadata };
  });
}

function openWeights(files: readonly Uint8Array[]) {
  const stored = new Map<string, Weight>();
  const metadata = new Map<string, string>();
  for (const bytes of files) {
    const opened = openCheckpoint(bytes, new MemoryBudget(bytes.length));
    if (opened.format !== 'safetensors') {
      const problem = 'it is no safetensors file';
      throw new CheckpointError('NOT_A_CHECKPOINT', WEIGHTS_FILE, problem, 'save it with transformers again');
    }
    for (const [name, weight] of opened.weights) {
      if (stored.has(name)) throw repeated(name);
      stored.set(name, weight);
    }
    for (const [key, value] of opened.metadata) metadata.set(key, value);
  }
  return { stored, metadata };
}

/** The files may differ in it, and their order says nothing. */
function repeated(name: string): CheckpointError {
  const fix = 'save the model with transformers again, or copy its files again';
  return new CheckpointError('TENSOR_MISMATCH', quoted(name), 'several files of weights have it', fix);
}
