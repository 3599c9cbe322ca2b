/**
 * Fixed, seeded sets of distinct problems, disjoint from every training stream, as JSON lines
 * {id, expression, answer, depth, digits, operators}.
 */

import { checkedInteger } from '../../base/arguments.ts';
import { jsonObject } from '../../base/json.ts';
import { distinct } from '../distinct.ts';
import {
  depth,
  digits,
  type Expression,
  ExpressionError,
  evaluateExpression,
  operatorsOf,
  print,
} from '../expressions/expression.ts';
import { OPERATORS, type Operator } from '../expressions/operators.ts';
import { parse } from '../expressions/parser.ts';
import { type GeneratorOptions, type Problem, ProblemSpaceError, ProblemStream } from './generator.ts';
import { splitOf } from './split.ts';

/** A row of an evaluation set. */
export interface EvaluationProblem {
  /** The row's index in the set. */
  readonly id: number;
  readonly expression: string;
  /** The canonical form of the exact value. */
  readonly answer: string;
  /** Operators on the longest path. */
  readonly depth: number;
  /** Maximum number of digits of a number in the expression. */
  readonly digits: number;
  /** The operators that occur, in the order of OPERATORS. */
  readonly operators: readonly Operator[];
}

/** Options of an evaluation set. */
export interface EvaluationSetOptions extends Partial<GeneratorOptions> {
  /** Number of problems. */
  readonly size: number;
}

/** The error for an invalid line of an evaluation set. `line` counts from 1. */
export class EvaluationSetError extends Error {
  override readonly name = 'EvaluationSetError';

  constructor(
    readonly line: number,
    readonly field: string,
    problem: string,
    readonly fix: string,
  ) {
    super(`evaluation set, line ${line}, ${field}: ${problem}; ${fix}`);
  }
}

const MAX_SIZE = 1_000_000;

function describe(tree: Expression): Pick<EvaluationProblem, 'depth' | 'digits' | 'operators'> {
  const used = operatorsOf(tree);
  return {
    depth: depth(tree),
    digits: digits(tree),
    operators: OPERATORS.filter((operator) => used.has(operator)),
  };
}

function row(id: number, problem: Problem): EvaluationProblem {
  return { id, expression: problem.expression, answer: problem.answer, ...describe(problem.tree) };
}

/**
 * Return `size` problems of the evaluation split, no two equal up to spaces and redundant parentheses. Equal options give
 * equal sets; a larger set begins with the smaller one.
 * @throws ProblemSpaceError with the number of distinct problems, if there are too few.
 * @throws ArgumentError naming the invalid option.
 */
export function evaluationSet(options: EvaluationSetOptions): readonly EvaluationProblem[] {
  const size = checkedInteger('size', options.size, 1, MAX_SIZE);
  const stream = new ProblemStream(options, { split: 'evaluation' });
  const found = distinct(
    size,
    () => stream.next(),
    ({ canonical }) => canonical,
  );
  if (found.length === size) return found.map((problem, id) => row(id, problem));
  throw new ProblemSpaceError(
    `only ${found.length} distinct evaluation problems were found in ${stream.cursor} draws, ${size} were asked for`,
    found.length,
  );
}

/** Return the rows as JSON lines, each with a line feed. */
export function serialiseEvaluationSet(rows: readonly EvaluationProblem[]): string {
  return rows
    .map(({ id, expression, answer, depth, digits, operators }) =>
      JSON.stringify({ id, expression, answer, depth, digits, operators }),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * Parse and check JSON lines: ids must count from 0, answers and descriptions must match the expressions, and every problem
 * must be distinct and of the evaluation split.
 * @throws EvaluationSetError naming the line and field.
 */
export function parseEvaluationSet(text: string): readonly EvaluationProblem[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const seen = new Map<string, number>();
  const rows = lines.map((line, index) => checkedRow(line, index, seen));
  if (rows.length === 0) throw new EvaluationSetError(1, 'file', 'it is empty', 'give at least one problem');
  return rows;
}

function checkedRow(text: string, id: number, seen: Map<string, number>): EvaluationProblem {
  const line = id + 1;
  const fail = (field: string, problem: string, fix: string): never => {
    throw new EvaluationSetError(line, field, problem, fix);
  };
  const fields = jsonObject(text);
  if (!fields)
    return fail('line', 'it is no JSON object', 'give {id, expression, answer, depth, digits, operators}');
  const { expression } = fields;
  if (typeof expression !== 'string') {
    return fail('expression', 'it is no text', 'give the expression as a JSON string');
  }
  const { tree, answer } = solved(expression, (problem) =>
    fail('expression', problem, 'give an expression with a value'),
  );
  const expected = { id, answer, ...describe(tree) };
  for (const [field, value] of Object.entries(expected)) {
    const wanted = JSON.stringify(value);
    const given = JSON.stringify(fields[field]);
    if (given !== wanted) fail(field, `got ${given ?? 'nothing'}`, `it must be ${wanted}`);
  }
  if (splitOf(tree) !== 'evaluation') {
    const problem = `"${expression}" belongs to the training split`;
    fail('expression', problem, 'make the set with evaluationSet');
  }
  const canonical = print(tree);
  const earlier = seen.get(canonical);
  if (earlier !== undefined) fail('expression', `the same problem as line ${earlier}`, 'remove one of them');
  seen.set(canonical, line);
  return { expression, ...expected };
}

/** Parse and evaluate an expression. @param refuse throws the error of an expression without a value. */
function solved(expression: string, refuse: (problem: string) => never) {
  try {
    const tree = parse(expression);
    return { tree, answer: evaluateExpression(tree).toString() };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return refuse(error.message);
  }
}
