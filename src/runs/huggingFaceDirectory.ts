/** Hugging Face directories on disk. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { HuggingFaceModel } from '../formats/huggingFace/index.ts';
import type { TokenizerTexts } from '../formats/huggingFace/tokenizer.ts';
import { FileError } from './fileError.ts';
import { readOrdinaryFile } from './ordinaryFile.ts';

const CONFIG = 'config.json';
const TOKENIZER = 'tokenizer.json';
const WEIGHTS = 'model.safetensors';
/** Names the file of each tensor where the weights are spread over several. */
const INDEX = `${WEIGHTS}.index.json`;
const PICKLE = 'pytorch_model.bin';
const INSTEAD = 'give the directory of a model';

/**
 * Reads the files of a directory that make a model, as transformers saves them: one file of weights or several.
 * @throws FileError for a directory that holds something else, and for files that cannot be read.
 */
export function readHuggingFaceDirectory(path: string): HuggingFaceModel {
  const read = (name: string): Buffer => readOrdinaryFile(join(path, name), INSTEAD);
  const isThere = (name: string): boolean => existsSync(join(path, name));
  if (!isThere(WEIGHTS) && !isThere(INDEX)) throw withoutWeights(path, isThere(PICKLE));
  return {
    config: read(CONFIG).toString('utf8'),
    weights: isThere(WEIGHTS) ? read(WEIGHTS) : shardsOf(path, read(INDEX).toString('utf8')).map(read),
  };
}

/** Reads the files of a directory that make a tokenizer. @throws FileError if one is missing or cannot be read */
export function readTokenizerDirectory(path: string): TokenizerTexts {
  const read = (name: string): string => readOrdinaryFile(join(path, name), INSTEAD).toString('utf8');
  const optional = (name: string): string | undefined =>
    existsSync(join(path, name)) ? read(name) : undefined;
  const tokenizer = optional(TOKENIZER);
  if (tokenizer === undefined) throw withoutTokenizer(path);
  return {
    tokenizer,
    tokenizerConfig: optional('tokenizer_config.json'),
    config: read(CONFIG),
    generationConfig: optional('generation_config.json'),
  };
}

function withoutTokenizer(path: string): FileError {
  const fix = 'copy it from where the model comes from, or give the --task that the model was trained on';
  return new FileError('FILE_NOT_FOUND', join(path, TOKENIZER), 'there is no such file, to read texts', fix);
}

/** A name in the directory itself: an index from elsewhere leads to no other file. */
const shard = z.string().regex(/^[\w-][\w.-]*\.safetensors$/);
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), shard) });

function shardsOf(path: string, text: string): string[] {
  try {
    return [...new Set(Object.values(indexSchema.parse(JSON.parse(text)).weight_map))].sort();
  } catch (cause) {
    const fix = 'copy or download the directory again';
    throw new FileError('NOT_A_FILE', join(path, INDEX), 'it does not list files of weights', fix, { cause });
  }
}

function withoutWeights(path: string, hasPickle: boolean): FileError {
  if (hasPickle) {
    const fix = 'save it as safetensors, with save_pretrained of transformers';
    return new FileError('NOT_A_FILE', path, `its weights are a pickle (${PICKLE})`, fix);
  }
  const fix = `give a file of its checkpoints/ directory, or a Hugging Face directory (${CONFIG}, ${WEIGHTS})`;
  return new FileError('NOT_A_FILE', path, `it is a directory without ${WEIGHTS}`, fix);
}
