/**
 * Checks that a function given to `noGrad`, `grad`, `capture` and others is synchronous. Their modes end when the function
 * returns. An async function returns at its first await: the rest would run without the mode. (Only AsyncLocalStorage can
 * follow a promise, and browsers lack it.)
 */
import { ArgumentError, expectKind, functionKind } from '../base/arguments.ts';

const ADVICE =
  'await values before, or after it returned: const x = await load(); const y = noGrad(() => f(x)); await y.data()';

/** @throws ArgumentError if the value is not a function, or is async. */
export function expectSynchronous(where: string, body: unknown): void {
  expectKind(where, 'what is to be run', body, functionKind);
  if (Object.prototype.toString.call(body) === '[object AsyncFunction]')
    throw refusal(where, 'is async: it would have returned a Promise');
}

/** @throws ArgumentError if a function returned a promise. */
export function expectNoPromise(where: string, result: unknown): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return;
  // The promise is ignored, but its rejection must not end the process.
  Promise.resolve(result).catch(() => {});
  throw refusal(where, 'returned a Promise');
}

function refusal(where: string, what: string): ArgumentError {
  return new ArgumentError(where, `the function ${what}, and ${where} ends at its first await`, ADVICE);
}
