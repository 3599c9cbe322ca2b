/** Broken programs: the text of a valid program with an edit of its tokens. */

import type { Choices } from './generate/choices.ts';

/** Words of WGSL outside of the supported subset, and others that programs of this kind do not declare. */
const STRANGE = [
  'unknown',
  'ptr',
  'mat4x4f',
  'f64',
  'texture_2d',
  'sampler',
  'override',
  'discard',
  'self',
  'const_assert',
];
const TYPES = [
  'f32',
  'i32',
  'u32',
  'bool',
  'vec2f',
  'vec3i',
  'vec4u',
  'vec4<bool>',
  'array<f32>',
  'atomic<u32>',
];
const LITERALS = [
  '0',
  '1u',
  '1i',
  '1.5f',
  'true',
  '4294967296',
  '1e400',
  '0x',
  '1.',
  '08',
  '1ff',
  '2147483648i',
  '-1u',
];
const PUNCTUATION = [
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ';',
  ',',
  '.',
  ':',
  '=',
  '->',
  '@',
  '&',
  '*',
  '++',
  '+',
  '<',
  '>',
  '!',
  '_',
  '#',
  '/*',
];

type Edit = (tokens: readonly string[], at: number, choices: Choices) => string[];

const spliced = (
  tokens: readonly string[],
  at: number,
  count: number,
  ...by: readonly string[]
): string[] => [...[...tokens.slice(0, at), ...by], ...tokens.slice(at + count)];

const EDITS: readonly Edit[] = [
  (tokens, at) => spliced(tokens, at, 1),
  (tokens, at) => spliced(tokens, at, 1, tokens[at], tokens[at]),
  (tokens, at) => spliced(tokens, at, 2, ...tokens.slice(at, at + 2).reverse()),
  (tokens, at, choices) => spliced(tokens, at, 1, choices.pick(tokens)),
  (tokens, at, choices) => spliced(tokens, at, 1, choices.pick(STRANGE)),
  (tokens, at, choices) => spliced(tokens, at, 1, choices.pick(TYPES)),
  (tokens, at, choices) => spliced(tokens, at, 1, choices.pick(LITERALS)),
  (tokens, at, choices) => spliced(tokens, at, 1, choices.pick(PUNCTUATION)),
  (tokens, at, choices) => spliced(tokens, at, 0, choices.pick(PUNCTUATION)),
  (tokens, at, choices) => spliced(tokens, at, 0, choices.pick([...STRANGE, ...TYPES, ...LITERALS])),
  (tokens, at, choices) => spliced(tokens, at, choices.integer(2, 12)),
  (tokens, at) => tokens.slice(0, at),
];

/** Tokens that another of their kind may take the place of, so that more of the broken programs parse. */
const KINDS = [
  /^[+\-*/%]$/,
  /^[<>=!]=?$/,
  /^[\d.]+[fiu]?$/,
  /^(f32|i32|u32|bool|vec\d.*)$/,
  /^[a-z]+\d+$/,
  /^(let|var|const)$/,
];

/** Replace a token by one of its kind: another operator, literal, type or name. */
function exchange(tokens: readonly string[], at: number, choices: Choices): string[] {
  const kind = KINDS.find((pattern) => pattern.test(tokens[at]));
  const others = kind ? tokens.filter((token) => kind.test(token) && token !== tokens[at]) : [];
  return others.length === 0 ? [...tokens] : spliced(tokens, at, 1, choices.pick(others));
}

/** Edit one token, or a few next to each other. */
export function mutated(tokens: readonly string[], choices: Choices): string[] {
  const at = choices.integer(0, tokens.length - 1);
  return choices.bool(0.5) ? exchange(tokens, at, choices) : choices.pick(EDITS)(tokens, at, choices);
}
