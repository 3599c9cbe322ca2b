/** Directories of runs, for tests of what serves them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The config of a small run. */
export const configWith = (options: object, more: object = {}): object => ({
  kind: 'grpo',
  startedAt: '2026-03-01T12:30:05.000Z',
  options: { seed: 0, task: 'sorting', steps: 3, ...options },
  adapter: { description: 'WebAssembly SIMD' },
  ...more,
});

/** A directory of runs; disposing of it removes it. */
export class RunDirectories implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'mathformer-dashboard-'));

  /** Write files of a run, by name; a value that is no text or bytes is written as JSON. */
  write(run: string, files: Readonly<Record<string, unknown>>): string {
    const directory = join(this.root, run);
    for (const [name, content] of Object.entries(files)) {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      const isPlain = typeof content === 'string' || content instanceof Uint8Array;
      writeFileSync(path, isPlain ? content : JSON.stringify(content));
    }
    return directory;
  }

  /** Write a run with some rows. */
  run(
    name: string,
    {
      options = {},
      rows = 1,
      more = {},
    }: { readonly options?: object; readonly rows?: number; readonly more?: object } = {},
  ): string {
    return this.write(name, { 'config.json': configWith(options, more), 'metrics.jsonl': rowsTo(rows) });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Rows of metrics, from the first to a step. */
export const rowsTo = (step: number): string =>
  Array.from(
    { length: step },
    (_, i) => `${JSON.stringify({ phase: 'grpo', step: i + 1, reward: i / 10 })}\n`,
  ).join('');
