/** Failures of the file system, explained for the user. */
import { getSystemErrorMap } from 'node:util';
import { MathformerError } from '../base/errors.ts';

export type FileErrorCode =
  | 'FILE_NOT_FOUND'
  | 'NOT_A_FILE'
  | 'NO_PERMISSION'
  | 'ALREADY_EXISTS'
  | 'DISK_FULL'
  | 'FILE_TOO_LARGE'
  | 'ROWS_MISSING'
  | 'DAMAGED'
  | 'IN_USE'
  | 'FILE_SYSTEM';

/** A file or directory that cannot be read or written. `where` is its path. */
export class FileError extends MathformerError {
  declare readonly code: FileErrorCode;

  constructor(code: FileErrorCode, path: string, problem: string, fix: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`, { code, where: path, fix }, options);
  }
}

interface Explanation {
  readonly code: FileErrorCode;
  readonly problem: string;
  readonly fix: string;
}

const because = (code: FileErrorCode, problem: string, fix: string): Explanation => ({ code, problem, fix });
const full = (problem: string): Explanation =>
  because('DISK_FULL', problem, 'free some space, or write to another disk');
const other = (problem: string, fix: string): Explanation => because('FILE_SYSTEM', problem, fix);

const FORBIDDEN = because(
  'NO_PERMISSION',
  'permission denied',
  'change its permissions or choose another path',
);
const MANY_FILES = other(
  'too many files are open',
  'close other programs, or raise the limit with ulimit -n',
);
const PATH = 'choose another path';

/** Explanations by the error codes of the operating system. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOENT: because('FILE_NOT_FOUND', 'there is no such file or directory', 'check the path'),
  EISDIR: because('NOT_A_FILE', 'it is a directory', 'give a file'),
  ENOTDIR: because('NOT_A_FILE', 'a part of this path is a file, not a directory', PATH),
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: because('NO_PERMISSION', 'the file system is read-only', 'write to another disk'),
  EEXIST: because('ALREADY_EXISTS', 'it exists already', 'choose another name, or move it away'),
  ENOSPC: full('the disk is full'),
  EDQUOT: full('the disk quota is used up'),
  EFBIG: full('the file would be larger than allowed here'),
  EMFILE: MANY_FILES,
  ENFILE: MANY_FILES,
  ENAMETOOLONG: other('its name, or a part of it, is too long', 'choose a shorter path'),
  ELOOP: other('its symbolic links lead in a circle, or too far', 'give the path of the file itself'),
  EIO: other('the disk, or the network that leads to it, failed', 'check it, or use another disk'),
  EBUSY: other('another program uses it', `end that program, or ${PATH}`),
  ETXTBSY: other('a program runs from it', `end that program, or ${PATH}`),
  ENOTEMPTY: other('the directory is not empty', PATH),
  ENOMEM: other('no memory is left', 'end other programs'),
  ENXIO: other('the device or the reader behind it is not there', PATH),
  ERR_FS_FILE_TOO_LARGE: because(
    'FILE_TOO_LARGE',
    'it is over 2 GiB',
    'give a checkpoint of a mathformer model',
  ),
};

/** Run file operations on `path`. Errors of the operating system become a `FileError`. */
export function withFileErrors<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw isCoded(cause) ? fileErrorOf(cause, path) : cause;
  }
}

/** Return a `FileError` for an error of the operating system. Default path: that in the error, or else its operation. */
export function fileErrorOf(cause: Error & NodeJS.ErrnoException, path?: string): FileError {
  const { code: name = '', message, errno = 0, syscall = 'file system' } = cause;
  // The system's description, such as "text file is busy".
  const [, words = message] = getSystemErrorMap().get(errno) ?? [];
  const { code, problem, fix } = EXPLANATIONS[name] ?? other(words, PATH);
  return new FileError(code, path ?? cause.path ?? syscall, problem, fix, { cause });
}

/** Return true if the error comes from the operating system and has no explanation yet. */
export function isSystemError(error: unknown): error is Error & NodeJS.ErrnoException {
  return isCoded(error) && 'syscall' in error;
}

function isCoded(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && !('fix' in error);
}
