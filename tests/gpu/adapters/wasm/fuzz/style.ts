/** Choices of a printer: names of types, redundant parentheses, white space and comments. */

import type { Type } from './program.ts';

/** Random choices. */
export interface Chance {
  /** Return true with a probability, 1/2 by default. */
  bool(probability?: number): boolean;
}

export interface Style extends Chance {
  /** `plain`: one space between tokens. `wild`: any white space and comments, or none where none is needed. */
  readonly spacing: 'plain' | 'wild';
  /** Probability of parentheses where none are needed. */
  readonly parentheses: number;
}

const SHORT = { f32: 'f', i32: 'i', u32: 'u' } as const;

/** Return the name of a type, `vec4f` or `vec4<f32>`. */
export function typeName(type: Type, style: Chance): string {
  if (type.kind === 'struct') return type.name;
  if (type.kind === 'array') {
    const of = typeName(type.of, style);
    return type.length === undefined ? `array<${of}>` : `array<${of}, ${type.length}>`;
  }
  if (type.size === 1) return type.of;
  if (type.of !== 'bool' && style.bool()) return `vec${type.size}${SHORT[type.of]}`;
  return `vec${type.size}<${type.of}>`;
}

const WORD = /[\w.]$/;
const WORD_START = /^\w/;
const OPERATOR = /[-+*/%&|^<>=!~]/;

/** Return true if two tokens would be others when they touch. */
function mustBeApart(before: string, after: string): boolean {
  if (WORD.test(before) && WORD_START.test(after)) return true;
  return OPERATOR.test(before.at(-1) ?? '') && OPERATOR.test(after[0]);
}

/** Join tokens to a text. */
export function join(tokens: readonly string[], style: Style): string {
  let text = '';
  let before = '';
  for (const token of tokens) {
    text += gap(before, token, style) + token;
    before = token;
  }
  return `${text}\n`;
}

function gap(before: string, token: string, style: Style): string {
  const apart = mustBeApart(before, token);
  if (style.spacing === 'plain') return plainGap(before, token, apart);
  if (style.bool(0.75)) return apart ? ' ' : '';
  if (style.bool(0.6)) return ' ';
  if (style.bool()) return '\n  ';
  return style.bool() ? ' /* a /* nested */ comment; } */ ' : ' // a comment }\n';
}

function plainGap(before: string, token: string, apart: boolean): string {
  if (before === ';' || before === '{' || before === '}') return '\n';
  const tight = /^[([.@]$/.test(before) || /^[([.,;)\]]/.test(token);
  return before === '' || (tight && !apart) ? '' : ' ';
}
