/** The error of a shader that does not compile. */
import { GpuError } from '../../../../base/errors.ts';
import type { Place } from './tree.ts';

/** A shader that is not valid WGSL, or that uses what this compiler does not support. */
export class WgslError extends GpuError {
  /** Line and column, from 1. */
  readonly line: number;
  readonly column: number;
  /** The problem, without its place. */
  readonly reason: string;

  constructor(at: Place, reason: string) {
    const where = `line ${at.line}, column ${at.column}`;
    super(`WGSL, ${where}: ${reason}`, { code: 'WGSL_INVALID', where, fix: '' });
    this.line = at.line;
    this.column = at.column;
    this.reason = reason;
  }
}

/** Throw a `WgslError`. */
export function fail(at: Place, reason: string): never {
  throw new WgslError(at, reason);
}
