/** The one shape every error of this project has: what failed, where, and what to do about it. */
export interface ErrorDetails {
  /** Stable identifier for programs, e.g. `SHAPE_MISMATCH`. */
  readonly code: string;
  /** The input or operation at fault, e.g. `matmul` or a file name. */
  readonly where: string;
  /** What the person should do next. */
  readonly fix: string;
}

/** A foreseen failure. Command lines print it as one line without a stack trace. */
export class MathformerError extends Error {
  readonly code: string;
  readonly where: string;
  readonly fix: string;

  constructor(message: string, details: ErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = details.code;
    this.where = details.where;
    this.fix = details.fix;
  }
}

/** Operands whose shapes or dtypes do not fit the operation. */
export class ShapeError extends MathformerError {
  constructor(operation: string, message: string, fix: string) {
    super(`${operation}: ${message}`, { code: 'SHAPE_MISMATCH', where: operation, fix });
  }
}

/** A failure of the GPU, its driver or a kernel. */
export class GpuError extends MathformerError {}
