/** The typed errors of the arithmetic task; every message names the input, what was wrong and what to do instead. */

/** An option has a value that cannot work. */
export class OptionError extends Error {
  override readonly name = 'OptionError';

  constructor(
    readonly option: string,
    problem: string,
    readonly fix: string,
  ) {
    super(`${option}: ${problem}; ${fix}`);
  }
}

/** The options allow too few distinct problems for what was asked. `found` counts those that were seen. */
export class ProblemSpaceError extends Error {
  override readonly name = 'ProblemSpaceError';
  readonly fix = 'raise maxDepth or maxDigits, allow more operators, or ask for fewer problems';

  constructor(
    problem: string,
    readonly found: number,
  ) {
    super(`${problem}; raise maxDepth or maxDigits, allow more operators, or ask for fewer problems`);
  }
}

/** Returns `value` if it is an integer in [low, high]; throws an OptionError naming `option` otherwise. */
export function checkedInteger(option: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
    throw new OptionError(option, `got ${String(value)}`, `give an integer from ${low} to ${high}`);
  }
  return value;
}

/** Returns `value` if it is a probability; throws an OptionError naming `option` otherwise. */
export function checkedProbability(option: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new OptionError(option, `got ${String(value)}`, 'give a probability from 0 to 1');
  }
  return value;
}
