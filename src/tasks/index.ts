/**
 * Tasks: the interface, the built-in tasks arithmetic, sorting and countdown, and parts to make one of your own. Needs no GPU.
 *
 * @module mathformer/tasks
 */

export { type FieldRange, integer, oneOf, probability, real, yesOrNo } from '../base/options.ts';
export { RandomStream } from '../base/randomStream.ts';
export { ARITHMETIC, type ArithmeticOptions, arithmetic, arithmeticTask } from './arithmetic/task.ts';
export { checkedTask } from './checked.ts';
export { type CountdownOptions, countdown, countdownTask } from './countdown/task.ts';
export { defineTask, madeTask, type OptionFields, type TaskDefinition, type TaskUse } from './definition.ts';
export { distinct } from './distinct.ts';
export { type SortingOptions, sorting, sortTask } from './sorting.ts';
export { type Split, splitOfCanonical } from './split.ts';
export { TaskStream, type TaskStreamOptions } from './stream.ts';
export {
  checkVocabulary,
  type Example,
  type Graded,
  OUTCOMES,
  type Outcome,
  type Task,
  type TaskProblem,
  type Tokenizer,
} from './task.ts';
export { TokenError, tokenizerOf } from './tokenizer.ts';
