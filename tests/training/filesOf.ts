/** Files of a run in memory, for tests of what reads them. */
import type { RunFiles } from '../../src/training/runFiles.ts';

/** Hold files by name; a value that is no text or bytes is written as JSON. */
export function filesOf(contents: Readonly<Record<string, unknown>>, modified = 1000): RunFiles {
  const files = new Map(Object.entries(contents).map(([name, content]) => [name, bytesOf(content)]));
  return {
    list: () =>
      [...files]
        .map(([name, { length: bytes }]) => ({ name, bytes, modified }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    read: (name, from = 0) => files.get(name)?.subarray(from),
  };
}

/** Write rows as JSON lines. */
export const linesOf = (rows: readonly object[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

function bytesOf(content: unknown): Uint8Array {
  if (content instanceof Uint8Array) return content;
  return new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
}
