/**
 * Tasks: the interface, the built-in tasks arithmetic, sorting and countdown, and parts to make one of your own. Needs no GPU.
 *
 * @module mathformer/tasks
 */

export { type FieldRange, integer, oneOf, probability, real, yesOrNo } from '../base/options.ts';
export { RandomStream } from '../base/randomStream.ts';
export * from './arithmetic/task.ts';
export * from './checked.ts';
export * from './countdown/task.ts';
export { defineTask, madeTask, type OptionFields, type TaskDefinition, type TaskUse } from './definition.ts';
export * from './distinct.ts';
export * from './sorting.ts';
export { type Split, splitOfCanonical } from './split.ts';
export * from './stream.ts';
export * from './task.ts';
export * from './tokenizer.ts';
