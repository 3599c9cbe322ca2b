/** The 57 tokens: ids as checkpoints know them, round trips, errors. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ANSWER,
  BIG,
  decode,
  EOS,
  encode,
  LITTLE,
  SCRATCHPAD,
  SOS,
  TOKENS,
  VOCAB_SIZE,
} from '../../../src/tasks/arithmetic/tokenizer.ts';
import { TokenError } from '../../../src/tasks/tokenizer.ts';

test('the vocabulary is characters in code-point order, then the special tokens', () => {
  expect(TOKENS.length).toBe(VOCAB_SIZE);
  const characters = TOKENS.slice(0, 51);
  expect([...characters].sort()).toEqual(characters);
  expect(characters.every((character) => character.length === 1)).toBe(true);
  expect(TOKENS.slice(51)).toEqual(['<scratchpad>', '<sos>', '<eos>', '<big>', '<little>', '<answer>']);
  expect([SCRATCHPAD, SOS, EOS, BIG, LITTLE, ANSWER]).toEqual([51, 52, 53, 54, 55, 56]);
});

test('a sequence of the original project: ( 5+8 ) worked and answered', () => {
  const ids = [52, 54, 2, 0, 15, 5, 18, 0, 3, 51, 15, 5, 18, 21, 11, 13, 56, 11, 13, 53];
  expect(decode(ids)).toBe('<sos><big>( 5+8 )<scratchpad>5+8=13<answer>13<eos>');
  expect(encode(decode(ids))).toEqual(ids);
});

test('encode(decode(ids)) = ids', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: VOCAB_SIZE - 1 })), (ids) => {
      expect(encode(decode(ids))).toEqual(ids);
      expect(decode(Uint32Array.from(ids))).toBe(decode(ids));
    }),
  );
});

describe('errors', () => {
  test.each([
    ['1+A', 2, 'unknown character "A"'],
    ['<sos>1\t2', 6, 'unknown character "\t"'],
    ['1😀', 1, 'unknown character "😀"'],
    ['1<pad>', 1, 'unknown special token "<pad>"'],
    ['12<sos', 2, 'unknown special token "<sos"'],
    ['>', 0, 'unknown character ">"'],
  ])('encode(%j)', (text, position, message) => {
    expect(() => encode(text)).toThrow(TokenError);
    expect(() => encode(text)).toThrow(
      expect.objectContaining({ position, message: expect.stringContaining(message) }),
    );
  });

  test.each([-1, 57, 0.5, Number.NaN])('decode of id %d', (id) => {
    expect(() => decode([0, id])).toThrow(expect.objectContaining({ name: 'TokenError', position: 1 }));
  });
});
