/**
 * stdout and stderr, of which the other end may go away: `train | head`, a terminal that is closed, a full disk. The work
 * goes on, as its results lie in files; what was lost is told at the end.
 */
import { MathformerError, problemOf } from '../base/errors.ts';
import { fileErrorOf } from '../runs/fileError.ts';

/** The reader left of its own accord, which is no failure: a pipe or a terminal was closed. */
const LEFT: readonly unknown[] = ['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'];

export class Outputs {
  #failure: Error | undefined;

  /** Handles errors of both streams from now on. */
  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (!LEFT.includes(error.code)) this.#failure ??= error;
    });
    // What stderr cannot take is told nowhere else.
    process.stderr.on('error', () => {});
  }

  /** Waits until all that was written has arrived, or failed. @throws Error why stdout did not take everything. */
  async flush(): Promise<void> {
    for (const stream of [process.stdout, process.stderr]) {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
    }
    // An error is told after the write has called back.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure === undefined) return;
    const error = fileErrorOf(this.#failure, 'stdout');
    const fix = 'print to another place; what lies in files is complete';
    throw new MathformerError(`${problemOf(error)}, so not all was printed`, {
      code: error.code,
      where: 'stdout',
      fix,
    });
  }
}
