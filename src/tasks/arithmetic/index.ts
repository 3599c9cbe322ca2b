/**
 * The arithmetic task: exact rationals, a language of expressions, an endless stream of problems split into training
 * and evaluation, worked solutions, the tokenizer and the grader. Needs no GPU.
 *
 * @module mathformer/math
 */
export { ArgumentError as OptionError } from '../../base/arguments.ts';
export * from '../../base/randomStream.ts';
export * from '../../base/statistics.ts';
export {
  type BinaryExpression,
  depth,
  digits,
  type Expression,
  ExpressionError,
  type ExpressionErrorKind,
  type ExpressionSource,
  evaluateExpression as evaluate,
  type IntegerLiteral,
  operatorsOf,
  print,
  type Spacing,
  type UnaryExpression,
} from '../expressions/expression.ts';
export {
  type BinaryOperator,
  DEFAULT_OPERATORS,
  INFIX_OPERATORS,
  type InfixOperator,
  OPERATORS,
  type Operator,
  PAIR_FUNCTIONS,
  type PairFunction,
  parseOperators,
  UNARY_FUNCTIONS,
  type UnaryFunction,
} from '../expressions/operators.ts';
export { evaluateText, parse } from '../expressions/parser.ts';
export { Rational } from '../expressions/rational.ts';
export { type Split, splitOfCanonical } from '../split.ts';
export { OUTCOMES, type Outcome } from '../task.ts';
export { TokenError } from '../tokenizer.ts';
export * from './evaluationSet.ts';
export {
  type GeneratorOptions,
  type Problem,
  ProblemSpaceError,
  ProblemStream,
  type ResolvedGeneratorOptions,
} from './generator.ts';
export * from './grader.ts';
export {
  type FormOptions as SampleOptions,
  prompt,
  type Sample,
  type SampleForm,
  SampleStream,
  sample,
} from './sample.ts';
export { scratchpad, scratchpadSteps } from './scratchpad.ts';
export * from './scratchpadChecker.ts';
export * from './split.ts';
export {
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
} from './tokenizer.ts';
