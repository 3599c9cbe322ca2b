/** Errors as WebGPU reports them: to the innermost scope that wants them, or as an event on the device. */

/** A use of the interface that WebGPU forbids. */
export class ValidationError implements GPUValidationError {
  declare readonly __brand: 'GPUValidationError';
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** There is not enough memory. */
export class OutOfMemoryError implements GPUOutOfMemoryError {
  declare readonly __brand: 'GPUOutOfMemoryError';
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** A kernel that was to be compiled asynchronously is invalid. */
export class PipelineError extends DOMException implements GPUPipelineError {
  declare readonly __brand: 'GPUPipelineError';
  readonly reason = 'validation';

  constructor(message: string) {
    super(message, 'GPUPipelineError');
  }
}

/** The event of an error that no scope wanted. */
export class UncapturedErrorEvent extends Event implements GPUUncapturedErrorEvent {
  declare readonly __brand: 'GPUUncapturedErrorEvent';
  readonly error: GPUError;

  constructor(error: GPUError) {
    super('uncapturederror', { cancelable: true });
    this.error = error;
  }
}

type Reported = ValidationError | OutOfMemoryError;

interface Scope {
  readonly filter: GPUErrorFilter;
  first: Reported | null;
}

const filterOf = (error: Reported): GPUErrorFilter =>
  error instanceof ValidationError ? 'validation' : 'out-of-memory';

/** The stack of error scopes of a device. */
export class ErrorScopes {
  readonly #scopes: Scope[] = [];
  readonly #uncaptured: (error: Reported) => void;

  constructor(uncaptured: (error: Reported) => void) {
    this.#uncaptured = uncaptured;
  }

  push(filter: GPUErrorFilter): void {
    this.#scopes.push({ filter, first: null });
  }

  /** Remove the innermost scope, and return its first error. @throws DOMException if there is none. */
  pop(): GPUError | null {
    const scope = this.#scopes.pop();
    if (scope) return scope.first;
    throw new DOMException('popErrorScope without a pushErrorScope before it', 'OperationError');
  }

  /** Give an error to the innermost scope for its kind. A scope keeps its first one. */
  report(error: Reported): void {
    const scope = this.#scopes.findLast(({ filter }) => filter === filterOf(error));
    if (scope) scope.first ??= error;
    else this.#uncaptured(error);
  }

  /** Report a use that WebGPU forbids. */
  invalid(message: string): void {
    this.report(new ValidationError(message));
  }
}
