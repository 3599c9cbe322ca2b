/** A tokenizer from a list of tokens, and the error of tokenizers. */
import { MathformerError } from '../base/errors.ts';
import type { Tokenizer } from './task.ts';

/** The error for text or an id outside of the vocabulary. `position` is an index into the input. */
export class TokenError extends MathformerError {
  constructor(
    problem: string,
    readonly position: number,
    fix: string,
  ) {
    super(`${problem} at position ${position}`, { code: 'NO_TOKEN', where: 'tokenizer', fix });
  }
}

/**
 * Make a tokenizer of these tokens. Their ids are their indices in the list; if several tokens match, the longest is used.
 * @param end the token that ends a completion, one of the list.
 */
export function tokenizerOf(tokens: readonly string[], end: string): Tokenizer {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const eos = idOf.get(end);
  if (eos === undefined || idOf.size < tokens.length || idOf.has('')) {
    throw new RangeError(`tokens must be distinct, not empty, and "${end}" must be one of them`);
  }
  const byLength = tokens.toSorted((a, b) => b.length - a.length);
  const list = tokens.join('');
  return {
    vocabSize: tokens.length,
    eos,
    encode(text) {
      const ids: number[] = [];
      for (let at = 0; at < text.length; ) {
        const token = byLength.find((candidate) => text.startsWith(candidate, at)) ?? '';
        const id = idOf.get(token);
        if (id === undefined)
          throw new TokenError(`no token begins "${text.slice(at)}"`, at, `use "${list}"`);
        ids.push(id);
        at += token.length;
      }
      return ids;
    },
    decode(ids) {
      return Array.from(ids, (id, position) => {
        const token = tokens[id];
        if (token !== undefined) return token;
        throw new TokenError(`${id} is no token id`, position, `use integers from 0 to ${tokens.length - 1}`);
      }).join('');
    },
  };
}

/** Return the text of a completion up to its end, or all of it. */
export function textBeforeEnd({ eos, decode }: Tokenizer, completion: readonly number[]): string {
  const end = completion.indexOf(eos);
  return decode(end < 0 ? completion : completion.slice(0, end));
}
