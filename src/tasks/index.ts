/**
 * Tasks: what a task is, arithmetic and sorting as two of them, and what helps to make one of your own. Needs no GPU.
 *
 * @module mathformer/tasks
 */
export { ARITHMETIC, type ArithmeticOptions, arithmetic } from './arithmetic/task.ts';
export { checkedTask } from './checked.ts';
export { distinct } from './distinct.ts';
export { type SortingOptions, sorting } from './sorting.ts';
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
