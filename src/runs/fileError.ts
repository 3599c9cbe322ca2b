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

const FULL: Explanation = {
  code: 'DISK_FULL',
  problem: 'the disk is full',
  fix: 'free some space, or write to another disk',
};
const FORBIDDEN: Explanation = {
  code: 'NO_PERMISSION',
  problem: 'permission denied',
  fix: 'change its permissions or choose another path',
};

const other = (problem: string, fix: string): Explanation => ({ code: 'FILE_SYSTEM', problem, fix });
const MANY_FILES = other(
  'too many files are open',
  'close other programs, or raise the limit with ulimit -n',
);

/** Explanations by the error codes of the operating system. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOENT: { code: 'FILE_NOT_FOUND', problem: 'there is no such file or directory', fix: 'check the path' },
  EISDIR: { code: 'NOT_A_FILE', problem: 'it is a directory', fix: 'give a file' },
  ENOTDIR: {
    code: 'NOT_A_FILE',
    problem: 'a part of this path is a file, not a directory',
    fix: 'choose another path',
  },
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: {
    code: 'NO_PERMISSION',
    problem: 'the file system is read-only',
    fix: 'write to another disk',
  },
  EEXIST: {
    code: 'ALREADY_EXISTS',
    problem: 'it exists already',
    fix: 'choose another name, or move it away',
  },
  ENOSPC: FULL,
  EDQUOT: { ...FULL, problem: 'the disk quota is used up' },
  EFBIG: { ...FULL, problem: 'the file would be larger than allowed here' },
  EMFILE: MANY_FILES,
  ENFILE: MANY_FILES,
  ENAMETOOLONG: other('its name, or a part of it, is too long', 'choose a shorter path'),
  ELOOP: other('its symbolic links lead in a circle, or too far', 'give the path of the file itself'),
  EIO: other('the disk, or the network that leads to it, failed', 'check it, or use another disk'),
  EBUSY: other('another program uses it', 'end that program, or choose another path'),
  ETXTBSY: other('a program runs from it', 'end that program, or choose another path'),
  ENOTEMPTY: other('the directory is not empty', 'choose another path'),
  ENOMEM: other('no memory is left', 'end other programs'),
  ENXIO: other('the device or the reader behind it is not there', 'choose another path'),
  ERR_FS_FILE_TOO_LARGE: {
    code: 'FILE_TOO_LARGE',
    problem: 'it is over 2 GiB',
    fix: 'give a checkpoint of a mathformer model',
  },
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
  const { code, problem, fix } = EXPLANATIONS[name] ?? other(words, 'choose another path');
  return new FileError(code, path ?? cause.path ?? syscall, problem, fix, { cause });
}

/** Return true if the error comes from the operating system and has no explanation yet. */
export function isSystemError(error: unknown): error is Error & NodeJS.ErrnoException {
  return isCoded(error) && 'syscall' in error;
}

function isCoded(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && !('fix' in error);
}
