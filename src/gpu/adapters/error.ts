/** The one error type of opening a GPU: what was wrong, with which input, and what to do about it. */

export type AdapterErrorCode =
  | 'DAWN_NOT_LOADED' // the native module of the `webgpu` package does not load on this system
  | 'ADAPTER_NOT_FOUND' // an adapter was asked for by name, and there is none of that name
  | 'NO_ADAPTER' // nothing usable at all, not even the embedded driver
  | 'DRIVER_NOT_UNPACKED'; // the embedded driver could not be written to, or read from, any cache directory

export class AdapterError extends Error {
  override readonly name = 'AdapterError';
  readonly code: AdapterErrorCode;
  /** The input or place at fault: an option, an environment variable, a directory. */
  readonly where: string;
  /** What to do, as a sentence or a command. */
  readonly fix: string;

  constructor(code: AdapterErrorCode, message: string, where: string, fix: string) {
    super(`${message} (${where}). ${fix}`);
    this.code = code;
    this.where = where;
    this.fix = fix;
  }
}
