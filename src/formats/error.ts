/**
 * The error of reading or writing a checkpoint. Files are untrusted, so text from them is made printable and short before it
 * enters a message.
 */

import { MathformerError } from '../base/errors.ts';

/** The fault of a checkpoint. */
export type CheckpointErrorCode =
  | 'NOT_A_CHECKPOINT'
  | 'TRUNCATED'
  | 'CORRUPT'
  | 'UNSUPPORTED'
  | 'FORBIDDEN_GLOBAL'
  | 'BIG_ENDIAN'
  | 'WRONG_DTYPE'
  | 'TOO_LARGE'
  | 'BAD_CONFIG'
  | 'CONFIG_UNKNOWN'
  | 'TENSOR_MISMATCH'
  | 'SLOPES_MISMATCH'
  | 'NON_FINITE'
  /** A bug of this reader, not of the file; the tests and the fuzzer treat it as a failure. */
  | 'INTERNAL';

const MAX_PART = 400;
const MAX_QUOTED = 80;

/** The error for a checkpoint that cannot be read or written. `message` is one line: place, problem, fix. */
export class CheckpointError extends MathformerError {
  declare readonly code: CheckpointErrorCode;
  readonly problem: string;

  constructor(
    code: CheckpointErrorCode,
    where: string,
    problem: string,
    fix: string,
    options?: ErrorOptions,
  ) {
    const place = printable(where);
    const what = printable(problem);
    const remedy = printable(fix);
    super(`${place}: ${what}`, { code, where: place, fix: remedy }, options);
    this.problem = what;
  }

  /** Return the same error with the file's name before its place. */
  inFile(name: string): CheckpointError {
    return new CheckpointError(this.code, `${quotedName(name)}, ${this.where}`, this.problem, this.fix, {
      cause: this,
    });
  }
}

/** Return a name or text from a file for a message: quoted, at most 80 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
}

/** Return a file name for a message. It comes from the caller: it is not quoted, and is shortened at the front. */
function quotedName(name: string): string {
  return name.length > 160 ? `…${name.slice(-160)}` : name;
}

/** Return text as one short line without control, line-breaking or direction-changing characters. */
export function printable(text: string): string {
  const short = text.length > MAX_PART ? `${text.slice(0, MAX_PART)}…` : text;
  return short.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Run a reader or writer, and convert every other error to a `CheckpointError` that names the file, such as a failed
 * allocation or a bug.
 */
export function withCheckpointErrors<Result>(name: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof CheckpointError) throw error.inFile(name);
    if (
      error instanceof RangeError &&
      /alloc|(array|string) length|memory|maximum size/i.test(error.message)
    ) {
      const fix = 'close other programs or use a smaller file';
      throw new CheckpointError('TOO_LARGE', name, 'not enough memory', fix, { cause: error });
    }
    const problem = `the reader failed (${error instanceof Error ? error.message : String(error)})`;
    throw new CheckpointError('INTERNAL', name, problem, 'please report this file', { cause: error });
  }
}

export const DOWNLOAD_AGAIN = 'copy or download the file again';

/** Return the error for a file that is not as it was written. */
export function corrupt(where: string, problem: string, cause?: unknown): CheckpointError {
  return new CheckpointError('CORRUPT', where, problem, DOWNLOAD_AGAIN, { cause });
}
