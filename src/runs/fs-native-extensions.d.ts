/** The used part of fs-native-extensions, a package without types. */
declare module 'fs-native-extensions' {
  /**
   * Lock `length` bytes from `offset` on for an open file: an open file description lock on Linux, `flock` on macOS, `LockFileEx` on Windows.
   * Return false if another open file holds them. @throws a system error if the file system has no locks.
   * @param options `shared`: other shared locks of the same bytes may be held. Default: false.
   */
  export function tryLock(
    descriptor: number,
    offset: number,
    length: number,
    options?: { readonly shared?: boolean },
  ): boolean;
}
