/** Fuzzed programs as a fast-check arbitrary: it makes a program by random choices, and shrinks it by edits of its tree. */

import { Arbitrary, type Random, Stream, Value } from 'fast-check';
import { Choices } from './generate/choices.ts';
import { generate, type Kind } from './generate/index.ts';
import { mutated } from './mutate.ts';
import { print, programTokens } from './print.ts';
import type { Program } from './program.ts';
import { shrink } from './shrink.ts';
import { type Chance, join } from './style.ts';
import { isValid } from './validate.ts';

/** A program and the seed of its text's form. */
export interface Fuzzed {
  readonly program: Program;
  readonly form: number;
}

class Programs extends Arbitrary<Fuzzed> {
  constructor(private readonly kind: Kind) {
    super();
  }

  override generate(random: Random): Value<Fuzzed> {
    const program = generate(new Choices(random), this.kind);
    return new Value({ program, form: random.nextInt(0, 0x7fffffff) }, undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is Fuzzed {
    return typeof value === 'object' && value !== null && 'program' in value;
  }

  override shrink({ program, form }: Fuzzed): Stream<Value<Fuzzed>> {
    return new Stream(smaller(program, form));
  }
}

function* smaller(program: Program, form: number): IterableIterator<Value<Fuzzed>> {
  for (const candidate of shrink(program))
    if (isValid(candidate)) yield new Value({ program: candidate, form }, undefined);
  if (form !== PLAIN) yield new Value({ program, form: PLAIN }, undefined);
}

/** The form without redundant parentheses and with one space between tokens. */
const PLAIN = 0;

/** Make an arbitrary of programs of a kind. */
export const programs = (kind: Kind): Arbitrary<Fuzzed> => new Programs(kind);

/** Return random choices that depend on a seed alone (Marsaglia's xorshift of 32 bits). */
export function chances(seed: number): Chance {
  let state = (seed ^ 0x9e3779b9) | 1;
  return {
    bool(probability = 0.5) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32 < probability;
    },
  };
}

/** Return the WGSL of a fuzzed program. */
export function textOf({ program, form }: Fuzzed): string {
  const { bool } = chances(form);
  const spacing = form !== PLAIN && form % 3 === 0 ? 'wild' : 'plain';
  return print(program, { bool, spacing, parentheses: form % 5 === 1 ? 0.3 : 0 });
}

/** Make texts of programs with an edit each. Most of them are no valid WGSL. */
export const brokenTexts = (kind: Kind): Arbitrary<string> => new BrokenTexts(kind);

class BrokenTexts extends Arbitrary<string> {
  constructor(private readonly kind: Kind) {
    super();
  }

  override generate(random: Random): Value<string> {
    const choices = new Choices(random);
    const style = { bool: () => false, spacing: 'plain', parentheses: 0 } as const;
    const tokens = programTokens(generate(choices, this.kind), style);
    return new Value(join(mutated(tokens, choices), style), undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is string {
    return typeof value === 'string';
  }

  /** A text shrinks by whole lines. */
  override shrink(text: string): Stream<Value<string>> {
    const lines = text.split('\n');
    const shorter = lines.map((_, i) => [...lines.slice(0, i), ...lines.slice(i + 1)].join('\n'));
    return Stream.of(...(lines.length > 1 ? shorter : [])).map((smaller) => new Value(smaller, undefined));
  }
}
