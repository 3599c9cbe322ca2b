/** The messages between a page and the worker that computes with models. */
import { type ErrorDetails, MathformerError } from 'mathformer';
import type { ModelOperations } from './operations.ts';

/** The code of the error for a model that has to be opened first. */
export const NOT_OPEN = 'MODEL_NOT_OPEN';

type Operations = Pick<ModelOperations, 'open' | 'vocabulary' | 'tokens' | 'attend' | 'sample' | 'practise'>;

/** The name of an operation. */
export type OperationName = keyof Operations;

/** The arguments of an operation. */
export type Arguments<Name extends OperationName> = Parameters<Operations[Name]>;

/** The result of an operation. */
export type Result<Name extends OperationName> = Awaited<ReturnType<Operations[Name]>>;

/** A request to the worker. */
export type Request = {
  readonly [Name in OperationName]: {
    readonly id: number;
    readonly name: Name;
    readonly args: Arguments<Name>;
  };
}[OperationName];

/** An error as plain data. */
export interface Failure extends Partial<ErrorDetails> {
  readonly message: string;
}

/** The worker's answer. */
export type Response =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure };

/** Turn an error into plain data. */
export function failureFrom(error: unknown): Failure {
  if (!(error instanceof MathformerError)) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
  const { message, code, where, fix } = error;
  return { message, code, where, fix };
}

/** Make the error that a failure was. */
export function errorFrom({ message, code, where, fix }: Failure): Error {
  if (code === undefined || where === undefined || fix === undefined) return new Error(message);
  return new MathformerError(message, { code, where, fix });
}
