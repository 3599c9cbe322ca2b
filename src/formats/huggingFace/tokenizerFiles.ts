/** A tokenizer as the files that transformers' `AutoTokenizer` loads as a `PreTrainedTokenizerFast`. */
import type { Task, Tokenizer } from '../../tasks/task.ts';
import { tokenizerOf } from '../../tasks/tokenizer.ts';
import { CheckpointError, quoted } from '../error.ts';

export const TOKENIZER_FILE = 'tokenizer.json';
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';
/** Number of problems that are tokenized in both ways to check the files. */
const CHECKED_PROBLEMS = 100;
/** A name that is no token, so that a text outside the vocabulary is refused there as it is here. */
const NO_TOKEN = '<unknown text>';

/**
 * `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json` by name: a text is split into the longest
 * tokens that fit, as `tokenizerOf` splits it. `<sos>` and `<eos>` of arithmetic are special tokens, which decoding can
 * leave out; its others are text. Throws `CheckpointError` for a task whose tokenizer splits its problems otherwise.
 */
export function tokenizerFiles(task: Task, longest: number): Map<string, object> {
  const { tokenizer } = task;
  const tokens = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.decode([id]));
  checkLongestFirst(task, tokens);
  const special = specialTokens(tokenizer, tokens);
  return new Map<string, object>([
    [TOKENIZER_FILE, fastTokenizer(tokenizer, tokens)],
    [
      TOKENIZER_CONFIG_FILE,
      {
        tokenizer_class: 'PreTrainedTokenizerFast',
        ...special,
        // `token_type_ids`, which it would make too, MPT does not take.
        model_input_names: ['input_ids', 'attention_mask'],
        model_max_length: longest,
        padding_side: 'left',
        clean_up_tokenization_spaces: false,
      },
    ],
    ['special_tokens_map.json', special],
  ]);
}

function specialTokens({ bos, eos }: Tokenizer, tokens: readonly string[]): object {
  return {
    ...(bos === undefined ? {} : { bos_token: tokens[bos] }),
    eos_token: tokens[eos],
    pad_token: tokens[eos],
  };
}

/** The file format of the library `tokenizers`: split by a pattern, then looked up; joined again without spaces. */
function fastTokenizer({ bos, eos }: Tokenizer, tokens: readonly string[]): object {
  const special = bos === undefined || bos === eos ? [eos] : [bos, eos];
  const longestFirst = tokens.toSorted((a, b) => b.length - a.length).map(escaped);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((id) => ({
      id,
      content: tokens[id],
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Split',
      pattern: { Regex: longestFirst.join('|') },
      behavior: 'Isolated',
      invert: false,
    },
    post_processor: null,
    decoder: { type: 'Fuse' },
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      unk_token: NO_TOKEN,
    },
  };
}

function escaped(token: string): string {
  return token.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function checkLongestFirst(task: Task, tokens: readonly string[]): void {
  const { tokenizer } = task;
  const fix =
    'give its tokenizer tokens that differ, and let the longest one that fits win, as tokenizerOf does';
  const refuse = (problem: string, cause?: unknown): CheckpointError =>
    new CheckpointError('UNSUPPORTED', `tokenizer of the task ${task.name}`, problem, fix, { cause });
  let longestFirst: Tokenizer;
  try {
    longestFirst = tokenizerOf(tokens, tokens[tokenizer.eos] ?? '');
  } catch (cause) {
    throw refuse('two of its tokens are written the same, or one is empty', cause);
  }
  for (const problem of task.heldOut(CHECKED_PROBLEMS)) {
    const prompt = task.prompt(problem);
    const text = tokenizer.decode(prompt);
    if (`${longestFirst.encode(text)}` === `${prompt}`) continue;
    throw refuse(`${quoted(text)} is not split into the longest tokens that fit`);
  }
}
