/** The tokenizer of a Hugging Face directory, by the library `@huggingface/tokenizers`. */
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import type { Tokenizer } from '../../tasks/task.ts';
import { CheckpointError, withCheckpointErrors } from '../error.ts';
import { parseJson } from './configJson.ts';

/** The texts of the files of a directory that make a tokenizer. */
export interface TokenizerTexts {
  /** `tokenizer.json` */
  readonly tokenizer: string;
  /** `tokenizer_config.json` */
  readonly tokenizerConfig?: string | undefined;
  /** `config.json` of the model. */
  readonly config: string;
  /** `generation_config.json` */
  readonly generationConfig?: string | undefined;
}

/** A tokenizer of texts. `encode` adds no special tokens; `decode` gives what ids add to a text before them. */
export interface TextTokenizer extends Tokenizer {
  /** The ids that end a completion, `eos` first. */
  readonly ends: readonly number[];
}

const id = z.int().min(0);
const specialToken = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const settingsSchema = z.looseObject({
  add_bos_token: z.boolean().nullish(),
  bos_token: specialToken,
  eos_token: specialToken,
});
const modelSchema = z.looseObject({ vocab_size: id, eos_token_id: z.union([id, z.array(id)]).nullish() });

/** Begins texts that `decode` cuts off again: some tokenizers strip a space at the beginning. */
const ANCHOR = 'a';
/** Cleaning up would take spaces before punctuation away. */
const DECODING = { skip_special_tokens: true, clean_up_tokenization_spaces: false };
const SUPPORTED = 'give a tokenizer.json that @huggingface/tokenizers reads, and its config.json';

/**
 * Reads a tokenizer. `name` is the directory's, for messages.
 * @throws CheckpointError, and nothing else, for files that make no tokenizer.
 */
export function readTokenizer(texts: TokenizerTexts, name: string): TextTokenizer {
  return withCheckpointErrors(name, () => {
    const parsed = <Value>(file: string, text: string, schema: z.ZodType<Value>): Value => {
      const result = schema.safeParse(parseJson(text, file));
      if (result.success) return result.data;
      const [issue] = result.error.issues;
      throw refusal(file, [...(issue?.path ?? []), issue?.message ?? 'invalid'].join(': '));
    };
    const settings = parsed('tokenizer_config.json', texts.tokenizerConfig ?? '{}', settingsSchema);
    const model = parsed('config.json', texts.config, modelSchema);
    const generation = parsed(
      'generation_config.json',
      texts.generationConfig ?? '{}',
      modelSchema.partial(),
    );
    const library = openLibrary(parsed('tokenizer.json', texts.tokenizer, z.looseObject({})), settings);
    const end = generation.eos_token_id ?? model.eos_token_id ?? idOf(library, settings.eos_token);
    return textTokenizer(library, model.vocab_size, startOf(library, settings), end);
  });
}

const refusal = (where: string, problem: string, cause?: unknown): CheckpointError =>
  new CheckpointError('UNSUPPORTED', where, problem, SUPPORTED, { cause });

function openLibrary(tokenizer: object, settings: object): LibraryTokenizer {
  try {
    const library = new LibraryTokenizer(tokenizer, settings);
    library.encode(ANCHOR);
    return library;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : 'it cannot be read';
    throw refusal('tokenizer.json', problem, cause);
  }
}

const idsOf = (library: LibraryTokenizer, text: string, special = false): number[] =>
  library.encode(text, { add_special_tokens: special }).ids;

/** The token before every text: its post-processor adds it, or `add_bos_token` says so. */
function startOf(library: LibraryTokenizer, settings: z.output<typeof settingsSchema>): number | undefined {
  const whole = idsOf(library, ANCHOR, true);
  const plain = idsOf(library, ANCHOR);
  // Others may follow the text, which a text to continue does without.
  const before = whole.slice(
    0,
    whole.findIndex((_, at) => plain.every((id, i) => whole[at + i] === id)),
  );
  if (before.length > 1) throw refusal('tokenizer.json', `it puts ${before.length} tokens before a text`);
  const { add_bos_token: adds, bos_token: bos } = settings;
  return before.length === 1 || !adds ? before[0] : idOf(library, bos);
}

function idOf(library: LibraryTokenizer, token: z.output<typeof specialToken>): number | undefined {
  return token ? library.token_to_id(typeof token === 'string' ? token : token.content) : undefined;
}

function textTokenizer(
  library: LibraryTokenizer,
  vocabSize: number,
  bos: number | undefined,
  given: number | readonly number[] | null | undefined,
): TextTokenizer {
  const ends = [given ?? []].flat();
  const [eos] = ends;
  if (eos === undefined) {
    const problem = 'eos_token_id is missing, here and in generation_config.json';
    const fix = 'add the id of the token that ends a text';
    throw new CheckpointError('UNSUPPORTED', 'config.json', problem, fix);
  }
  const anchor = idsOf(library, ANCHOR);
  const start = library.decode(anchor, DECODING).length;
  return {
    vocabSize,
    eos,
    ends,
    ...(bos === undefined ? {} : { bos }),
    encode(text) {
      const ids = idsOf(library, text);
      const beyond = ids.find((each) => each >= vocabSize);
      if (beyond === undefined) return ids;
      const problem = `it makes the id ${beyond}; the model has ${vocabSize} tokens`;
      const fix = 'give the tokenizer of this model';
      throw new CheckpointError('TENSOR_MISMATCH', 'tokenizer.json', problem, fix);
    },
    decode: (ids) => library.decode([...anchor, ...ids], DECODING).slice(start),
  };
}
