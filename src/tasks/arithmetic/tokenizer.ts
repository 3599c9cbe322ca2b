/**
 * The vocabulary: one token a character, and six special tokens. Checkpoints depend on these ids. There is no
 * padding token: padding is masked.
 */

import { TokenError, tokenizerOf } from '../tokenizer.ts';

const CHARACTERS = ' %()*+,-./0123456789;=[]^abcdefghijklmnopqrstuvwxyz';
const SPECIALS = ['scratchpad', 'sos', 'eos', 'big', 'little', 'answer'] as const;

/** Every token's text, by id: 51 characters in code-point order, then the special tokens as `<name>`. */
export const TOKENS: readonly string[] = [...CHARACTERS, ...SPECIALS.map((name) => `<${name}>`)];

/** Number of tokens. */
export const VOCAB_SIZE = 57;
/** The id of `<scratchpad>`. */
export const SCRATCHPAD = 51;
/** The id of `<sos>`. */
export const SOS = 52;
/** The id of `<eos>`. */
export const EOS = 53;
/** The id of `<big>`: numbers are written from their first digit on. */
export const BIG = 54;
/** The id of `<little>`: numbers are written from their last digit on. */
export const LITTLE = 55;
/** The id of `<answer>`. */
export const ANSWER = 56;

const ID_OF = new Map(TOKENS.map((token, id) => [token, id]));
const SPECIAL_NAMES = TOKENS.slice(CHARACTERS.length).join(' ');

/**
 * Return the token ids of a text with special tokens as `<name>`: `<sos><big>1+2<scratchpad>`.
 * @throws TokenError naming the first unknown character or special name and its position.
 */
export function encode(text: string): number[] {
  const ids: number[] = [];
  let at = 0;
  while (at < text.length) {
    const token = text[at] === '<' ? specialAt(text, at) : String.fromCodePoint(text.codePointAt(at) ?? 0);
    const id = ID_OF.get(token);
    if (id === undefined) {
      throw new TokenError(
        token.startsWith('<') ? `unknown special token "${token}"` : `unknown character "${token}"`,
        at,
        `use lower-case letters, digits, the characters " %()*+,-./;=[]^" or ${SPECIAL_NAMES}`,
      );
    }
    ids.push(id);
    at += token.length;
  }
  return ids;
}

function specialAt(text: string, at: number): string {
  const end = text.indexOf('>', at);
  return end < 0 ? text.slice(at) : text.slice(at, end + 1);
}

/**
 * Return the text of token ids, with special tokens as `<name>`; encode(decode(ids)) = ids.
 * @throws TokenError for an id outside 0 … 56.
 */
export const decode: (ids: Iterable<number>) => string = tokenizerOf(TOKENS, '<eos>').decode;
