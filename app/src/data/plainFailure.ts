/** Failures as plain data, which a Worker can post to its page. */
import { MathformerError } from 'mathformer';

/** A failure as plain data. */
export interface PlainFailure {
  readonly code: string;
  readonly problem: string;
  readonly fix: string;
}

/** Return an error as plain data. One that nobody foresaw is in the console. @param fix of such an error. */
export function plainFailure(error: unknown, fix: string): PlainFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof MathformerError)) {
    console.error(error);
    return { code: 'UNKNOWN', problem: message, fix };
  }
  const { code, fix: own } = error;
  const problem = message.endsWith(`; ${own}`) ? message.slice(0, -own.length - 2) : message;
  return { code, fix: own, problem };
}
