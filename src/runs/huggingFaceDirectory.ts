/** Hugging Face directories on disk. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { HuggingFaceModel } from '../formats/huggingFace/index.ts';
import { FileError } from './fileError.ts';
import { readOrdinaryFile } from './ordinaryFile.ts';

const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const INSTEAD = 'give the directory of a model';

/** Other files in which transformers saves weights, and how to get a single file. */
const OTHER_WEIGHTS: readonly (readonly [file: string, problem: string, fix: string])[] = [
  [
    `${WEIGHTS}.index.json`,
    'its weights are spread over several files',
    'save it in one, with save_pretrained(…, max_shard_size="100GB") of transformers',
  ],
  [
    'pytorch_model.bin',
    'its weights are a pickle',
    'save it as safetensors, with save_pretrained of transformers',
  ],
];

/**
 * Read the files of a model that transformers saved in a directory.
 * @throws FileError for a directory with other content, and for files that cannot be read.
 */
export function readHuggingFaceDirectory(path: string): HuggingFaceModel {
  if (!existsSync(join(path, WEIGHTS))) throw withoutWeights(path);
  return {
    config: readOrdinaryFile(join(path, CONFIG), INSTEAD).toString('utf8'),
    weights: readOrdinaryFile(join(path, WEIGHTS), INSTEAD),
  };
}

function withoutWeights(path: string): FileError {
  for (const [file, problem, fix] of OTHER_WEIGHTS) {
    if (existsSync(join(path, file))) return new FileError('NOT_A_FILE', path, `${problem} (${file})`, fix);
  }
  const fix = `give a file of its checkpoints/ directory, or a Hugging Face directory (${CONFIG}, ${WEIGHTS})`;
  return new FileError('NOT_A_FILE', path, `it is a directory without ${WEIGHTS}`, fix);
}
