/**
 * Functions that run as a part of the engine's own: under `noGrad`, differentiated, captured. What they switch on ends
 * when they return, and an async function returns at its first await: what follows would run as if nothing were
 * switched on. (To follow a promise takes AsyncLocalStorage, which browsers lack.)
 */
import { ArgumentError, expectKind, functionKind } from '../base/arguments.ts';

const ADVICE =
  'await values before, or after it returned: const x = await load(); const y = noGrad(() => f(x)); await y.data()';

/** @throws ArgumentError for what is no function, or an async one. */
export function expectSynchronous(where: string, body: unknown): void {
  expectKind(where, 'what is to be run', body, functionKind);
  if (Object.prototype.toString.call(body) === '[object AsyncFunction]')
    throw refusal(where, 'is async: it would have returned a Promise');
}

/** @throws ArgumentError if a function returned a promise. */
export function expectNoPromise(where: string, result: unknown): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return;
  // What becomes of it does not matter any more, but a rejection must not end the process.
  Promise.resolve(result).catch(() => {});
  throw refusal(where, 'returned a Promise');
}

function refusal(where: string, what: string): ArgumentError {
  return new ArgumentError(where, `the function ${what}, and ${where} ends at its first await`, ADVICE);
}
