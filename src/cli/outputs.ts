/**
 * Watches stdout and stderr, whose other end may go away: `train | head`, a closed terminal, a full disk. The work continues,
 * since its results are in files. The end of the command reports what was lost.
 */
import { MathformerError, problemOf } from '../base/errors.ts';
import { fileErrorOf } from '../runs/fileError.ts';

/** Error codes of a reader that closed its pipe or terminal: no failure. */
const LEFT: readonly unknown[] = ['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'];

export class Outputs {
  #failure: Error | undefined;

  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (!LEFT.includes(error.code)) this.#failure ??= error;
    });
    // What stderr cannot take is told nowhere else.
    process.stderr.on('error', () => {});
  }

  /** Wait until everything written has arrived or failed. @throws Error with the reason why stdout did not take everything. */
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
