/** The generator: same seed same stream, the document's distributions, divisors, splits, tiny spaces. */

import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../../src/base/arguments.ts';
import {
  type GeneratorOptions,
  type Problem,
  ProblemSpaceError,
  ProblemStream,
} from '../../../src/tasks/arithmetic/generator.ts';
import { splitOf } from '../../../src/tasks/arithmetic/split.ts';
import { depth, type Expression, print } from '../../../src/tasks/expressions/expression.ts';
import { evaluateText, parse } from '../../../src/tasks/expressions/parser.ts';
import { EVALUATION_ONE_IN, type Split } from '../../../src/tasks/split.ts';
import { chiSquareExcess, shareExcess, uniform } from './chiSquare.ts';

const ALL = '+,-,*,/,%,min,max,next,prev,abs';

function draw(count: number, options: Partial<GeneratorOptions>): Problem[] {
  const stream = new ProblemStream(options);
  return Array.from({ length: count }, () => stream.next());
}

/** A signed number, or null for an operator. */
function numberAt(tree: Expression): bigint | null {
  if (tree.kind === 'integer') return tree.value;
  if (tree.kind === 'unary' && tree.operator === '-' && tree.operand.kind === 'integer')
    return -tree.operand.value;
  return null;
}

/** Every node with its distance from the root. */
function* nodes(
  tree: Expression,
  level = 0,
): Generator<{ readonly node: Expression; readonly level: number }> {
  yield { node: tree, level };
  if (numberAt(tree) !== null || tree.kind === 'integer') return;
  const children = tree.kind === 'unary' ? [tree.operand] : [tree.left, tree.right];
  for (const child of children) yield* nodes(child, level + 1);
}

function numbers(problems: readonly Problem[]): bigint[] {
  return problems.flatMap(({ tree }) =>
    [...nodes(tree)].map(({ node }) => numberAt(node)).filter((value) => value !== null),
  );
}

describe('streams', () => {
  test('the first problems of seed 7 are these on every platform', () => {
    const stream = new ProblemStream({ seed: 7, operators: ALL });
    expect(Array.from({ length: 6 }, () => stream.next().expression)).toMatchInlineSnapshot(`
      [
        " next(-52%-65)",
        "min(-87, -20)",
        "-5/2",
        "-4*min(prev(67 ),94)",
        "max(next(1),next (-9))",
        "( 85%(-5*( 40- -1)))",
      ]
    `);
  });

  test('a problem depends on its index alone, not on what was drawn before', () => {
    const stream = new ProblemStream({ seed: 3 });
    const first = Array.from({ length: 50 }, () => stream.next().expression);
    const resumed = new ProblemStream({ seed: 3 }, { cursor: 30 });
    expect(Array.from({ length: 20 }, () => resumed.next().expression)).toEqual(first.slice(30));
    expect(new ProblemStream({ seed: 3 }).at(17).expression).toBe(first[17]);
    expect(resumed.cursor).toBe(50);
  });

  test('other seeds and stream numbers give other problems', () => {
    const texts = [
      new ProblemStream({ seed: 1 }),
      new ProblemStream({ seed: 2 }),
      new ProblemStream({ seed: 1 }, { stream: 1 }),
      new ProblemStream({ seed: 1 }, { split: 'evaluation' }),
    ].map((stream) => Array.from({ length: 5 }, () => stream.next().expression).join());
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('text, tree, canonical form and answer of a problem agree', () => {
    for (const problem of draw(2000, { seed: 5, operators: ALL, maxDigits: 3 })) {
      expect(parse(problem.expression)).toEqual(problem.tree);
      expect(problem.canonical).toBe(print(problem.tree));
      expect(evaluateText(problem.expression).toString()).toBe(problem.answer);
    }
  });
});

describe('distributions', () => {
  // Numbers of three digits: with few possible expressions, the split itself would shift the shares a little.
  const wide = { minDigits: 3, maxDigits: 3, seed: 11 };

  test('the root is an operator, the others are numbers with probability ½ above the cap and always at it', () => {
    const problems = draw(6000, { ...wide, operators: '+,-', maxDepth: 4 });
    const count = { numbers: 0, all: 0 };
    for (const { tree } of problems) {
      expect(numberAt(tree)).toBeNull();
      for (const { node, level } of nodes(tree)) {
        if (level === 0) continue;
        const isNumber = numberAt(node) !== null;
        if (level === 4) expect(isNumber).toBe(true);
        else {
          count.all++;
          if (isNumber) count.numbers++;
        }
      }
    }
    expect(count.all).toBeGreaterThan(15_000);
    expect(shareExcess(count.numbers, count.all, 0.5)).toBeLessThanOrEqual(0);
  });

  test('maxDepth 1 is one operator over numbers', () => {
    for (const { tree } of draw(500, { maxDepth: 1, operators: ALL })) expect(depth(tree)).toBe(1);
  });

  test('operators are equally likely', () => {
    const operators = ['+', '-', '*', 'min', 'next', 'abs', 'max'];
    const problems = draw(10_000, { ...wide, operators: operators.join(), maxDepth: 1 });
    const counts = operators.map(
      (operator) =>
        problems.filter(({ tree }) => tree.kind !== 'integer' && tree.operator === operator).length,
    );
    expect(chiSquareExcess(counts, uniform(7))).toBeLessThanOrEqual(0);
  });

  test('digit counts are uniform, values uniform at each count, signs even, zeros 1 in 200', () => {
    const drawn = numbers(draw(15_000, { seed: 2, operators: '+,-', minDigits: 1, maxDigits: 4 }));
    const nonZero = drawn.filter((value) => value !== 0n);
    expect(shareExcess(drawn.length - nonZero.length, drawn.length, 1 / 200)).toBeLessThanOrEqual(0);
    expect(
      shareExcess(nonZero.filter((value) => value < 0n).length, nonZero.length, 0.5),
    ).toBeLessThanOrEqual(0);
    const texts = nonZero.map((value) => String(value < 0n ? -value : value));
    const byDigits = [1, 2, 3, 4].map((length) => texts.filter((text) => text.length === length));
    expect(
      chiSquareExcess(
        byDigits.map(({ length }) => length),
        uniform(4),
      ),
    ).toBeLessThanOrEqual(0);
    for (const group of byDigits) {
      const firstDigits = Array.from(
        { length: 9 },
        (_, i) => group.filter((text) => text[0] === String(i + 1)).length,
      );
      expect(chiSquareExcess(firstDigits, uniform(9))).toBeLessThanOrEqual(0);
    }
    const lastDigits = Array.from(
      { length: 10 },
      (_, i) => byDigits[3].filter((text) => text[3] === String(i)).length,
    );
    expect(chiSquareExcess(lastDigits, uniform(10))).toBeLessThanOrEqual(0);
  });

  test('spaces stand in a quarter of all places, redundant parentheses around 0.15 of infix nodes', () => {
    const sum = /^( ?)(\(?)( ?)-?\d+( ?)\+( ?)-?\d+( ?)(\)?)( ?)$/;
    const gaps = { filled: 0, all: 0 };
    const parentheses = { there: 0, all: 0 };
    for (const { expression } of draw(4000, { ...wide, operators: '+', maxDepth: 1 })) {
      const match = sum.exec(expression) ?? [];
      expect(match.length, expression).toBe(9);
      const [, start, open, inside, before, after, end, , finish] = match;
      parentheses.all++;
      if (open === '(') parentheses.there++;
      const places = open === '(' ? [start, inside, before, after, end, finish] : [before, after];
      gaps.all += places.length;
      gaps.filled += places.filter((space) => space === ' ').length;
    }
    expect(shareExcess(gaps.filled, gaps.all, 0.25)).toBeLessThanOrEqual(0);
    expect(shareExcess(parentheses.there, parentheses.all, 0.15)).toBeLessThanOrEqual(0);
    const call = /^( ?)next( ?)\(( ?)-?\d+( ?)\)( ?)$/;
    const places = draw(3000, { ...wide, operators: 'next', maxDepth: 1 }).flatMap(({ expression }) =>
      (call.exec(expression) ?? ['no match']).slice(1),
    );
    expect(places.length).toBe(15_000);
    expect(
      shareExcess(places.filter((space) => space === ' ').length, places.length, 0.25),
    ).toBeLessThanOrEqual(0);
  });

  test('no right side of / or % is 0', () => {
    const problems = draw(4000, { operators: '/,%,-', maxDigits: 1, seed: 6 });
    let divisors = 0;
    for (const { tree } of problems) {
      for (const { node } of nodes(tree)) {
        if (node.kind !== 'binary' || node.operator === '-') continue;
        divisors++;
        expect(evaluateText(print(node.right)).isZero).toBe(false);
      }
    }
    expect(divisors).toBeGreaterThan(4000);
  });
});

describe('splits', () => {
  test('training and evaluation never share an expression, even where the space is small', () => {
    const options = { operators: '+,-', maxDepth: 1, maxDigits: 1, minDigits: 1 };
    const seen = { training: new Set<string>(), evaluation: new Set<string>() };
    for (const split of ['training', 'evaluation'] as const) {
      for (const seed of [0, 1]) {
        const stream = new ProblemStream({ ...options, seed }, { split, stream: seed });
        for (let i = 0; i < 1500; i++) seen[split].add(print(parse(stream.next().expression)));
      }
    }
    expect(seen.training.size).toBeGreaterThan(400);
    expect(seen.evaluation.size).toBeGreaterThan(50);
    expect([...seen.evaluation].filter((text) => seen.training.has(text))).toEqual([]);
  });

  test('the split ignores spaces and redundant parentheses, and holds back one expression in eight', () => {
    let heldBack = 0;
    for (let a = 0; a < 100; a++) {
      for (let b = 0; b < 100; b++) {
        const split = splitOf(parse(`${a}+${b}`));
        if (b === 3) expect(splitOf(parse(` ((${a}) + ${b} )`))).toBe(split);
        if (split === 'evaluation') heldBack++;
      }
    }
    expect(shareExcess(heldBack, 10_000, 1 / EVALUATION_ONE_IN)).toBeLessThanOrEqual(0);
  });

  test.each(['next', 'prev', 'abs'])(
    'the smallest space there is, %s of one digit, has both splits',
    (operators) => {
      for (const split of ['training', 'evaluation'] as const) {
        const stream = new ProblemStream({ operators, maxDepth: 1, maxDigits: 1 }, { split });
        for (let i = 0; i < 50; i++) expect(splitOf(stream.next().tree)).toBe(split);
      }
    },
  );

  test('a split without expressions is an error, not an endless loop', () => {
    // No options empty a split, so this one has a name that no expression hashes to.
    const stream = new ProblemStream({ maxDepth: 1 }, { split: 'neither' as Split });
    expect(() => stream.next()).toThrow(ProblemSpaceError);
    expect(() => stream.next()).toThrow('no neither expression among 10000 draws');
  });
});

describe('options', () => {
  test.each([
    [{ maxDepth: 0 }, 'maxDepth: got 0'],
    [{ minDigits: 3, maxDigits: 2 }, 'minDigits: 3 is above maxDigits 2'],
    [{ maxDigits: 1.5 }, 'maxDigits: got 1.5'],
    [{ seed: -1 }, 'seed: got -1'],
    [{ operators: '+,?' }, 'operators: "?" is not an operator'],
    [{ operators: [] }, 'operators: the list is empty'],
  ])('%o', (options, message) => {
    expect(() => new ProblemStream(options)).toThrow(ArgumentError);
    expect(() => new ProblemStream(options)).toThrow(message);
  });
});
