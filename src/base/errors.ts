/** The common fields of all errors of this project: code, place and fix. */
export interface ErrorDetails {
  /** Stable identifier for programs, e.g. `SHAPE_MISMATCH`. */
  readonly code: string;
  /** The input or operation that failed, e.g. `matmul` or a file name. */
  readonly where: string;
  /** Advice on what to do next. */
  readonly fix: string;
}

/**
 * An expected failure. Its message contains the problem, then the fix, so that printing the error shows both. Commands print
 * it as one line without a stack trace.
 */
export class MathformerError extends Error {
  readonly code: string;
  readonly where: string;
  readonly fix: string;

  /** @param problem the problem, without the fix. */
  constructor(problem: string, details: ErrorDetails, options?: ErrorOptions) {
    super(withFix(problem, details.fix), options);
    this.name = new.target.name;
    this.code = details.code;
    this.where = details.where;
    this.fix = details.fix;
  }
}

const withFix = (problem: string, fix: string): string =>
  fix === '' || problem.endsWith(fix) ? problem : `${problem}; ${fix}`;

/** Return a message without the fix at its end. */
export const withoutFix = (message: string, fix: string): string =>
  message.endsWith(`; ${fix}`) ? message.slice(0, -fix.length - 2) : message;

/** Return the problem of an error without its fix, for callers with other advice. */
export function problemOf(error: unknown): string {
  if (error instanceof MathformerError) return withoutFix(error.message, error.fix);
  return error instanceof Error ? error.message : String(error);
}

/** Operands whose shapes or dtypes do not fit the operation. */
export class ShapeError extends MathformerError {
  constructor(operation: string, message: string, fix: string) {
    super(`${operation}: ${message}`, { code: 'SHAPE_MISMATCH', where: operation, fix });
  }
}

/** A failure of the GPU, its driver or a kernel. */
export class GpuError extends MathformerError {}
