/**
 * The arithmetic task: exact rationals, a language of expressions, an endless stream of problems split into training
 * and evaluation, worked solutions, the tokenizer and the grader. Needs no GPU.
 *
 * @module mathformer/math
 */
export { ArgumentError as OptionError } from '../../base/arguments.ts';
export { type RandomCursor, RandomStream } from '../../base/randomStream.ts';
export {
  type Interval,
  mcnemarExact,
  meanDifferenceInterval,
  meanInterval,
  type PairedCounts,
  pairedCounts,
  pairedDifferenceInterval,
  passAtK,
  wilsonInterval,
} from '../../base/statistics.ts';
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
export {
  type EvaluationProblem,
  EvaluationSetError,
  type EvaluationSetOptions,
  evaluationSet,
  parseEvaluationSet,
  serialiseEvaluationSet,
} from './evaluationSet.ts';
export {
  type GeneratorOptions,
  type Problem,
  ProblemSpaceError,
  ProblemStream,
  type ResolvedGeneratorOptions,
} from './generator.ts';
export {
  extractAnswer,
  type Grade,
  grade,
  isCorrect,
  type PromptEnd,
} from './grader.ts';
export {
  type FormOptions as SampleOptions,
  prompt,
  type Sample,
  type SampleForm,
  SampleStream,
  sample,
} from './sample.ts';
export { scratchpad, scratchpadSteps } from './scratchpad.ts';
export { type FalseStep, firstFalseStep } from './scratchpadChecker.ts';
export { splitOf } from './split.ts';
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
