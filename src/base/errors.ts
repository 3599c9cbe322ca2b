/** The one shape every error of this project has: what failed, where, and what to do about it. */
export interface ErrorDetails {
  /** Stable identifier for programs, e.g. `SHAPE_MISMATCH`. */
  readonly code: string;
  /** The input or operation at fault, e.g. `matmul` or a file name. */
  readonly where: string;
  /** What the person should do next. */
  readonly fix: string;
}

/**
 * A foreseen failure. Its message is the problem and then the fix, so that whatever prints the error says both.
 * Command lines print it as one line without a stack trace.
 */
export class MathformerError extends Error {
  readonly code: string;
  readonly where: string;
  readonly fix: string;

  /** @param problem what is wrong, without the fix. */
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

/** A message without the fix that it ends in. */
export const withoutFix = (message: string, fix: string): string =>
  message.endsWith(`; ${fix}`) ? message.slice(0, -fix.length - 2) : message;

/** What went wrong, without the fix, for those who have an advice of their own. */
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
