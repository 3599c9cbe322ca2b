/** One process writes to a run at a time: the file `lock` in its directory names it. */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { FileError, withFileErrors } from './fileError.ts';

/** Holds a run's directory until disposed of, or until the process is gone. */
export class RunLock implements Disposable {
  readonly #path: string;

  /** @throws FileError, IN_USE if a process that is still there holds it. */
  constructor(directory: string) {
    this.#path = join(directory, 'lock');
    withFileErrors(this.#path, () => {
      const holder = holderOf(this.#path);
      if (holder !== undefined && !isGone(holder)) {
        const [host, pid] = holder.split(' ');
        throw new FileError(
          'IN_USE',
          directory,
          `process ${pid} on ${host} is writing to this run`,
          `wait for it, or remove ${this.#path} if there is no such process`,
        );
      }
      rmSync(this.#path, { force: true });
      // Fails if another process was faster.
      const descriptor = openSync(this.#path, 'wx');
      writeFileSync(descriptor, `${hostname()} ${process.pid}\n`);
      closeSync(descriptor);
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { force: true });
  }
}

/** `host pid`; undefined if nobody holds it. */
function holderOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Whether it was a process of this machine that has ended. */
function isGone(holder: string): boolean {
  const [host, pid] = holder.split(' ');
  if (host !== hostname()) return holder === '';
  try {
    process.kill(Number(pid), 0);
    // Numbers are used again: ours is another process's no longer.
    return Number(pid) === process.pid;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
