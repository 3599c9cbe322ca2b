/**
 * `npm run bench -- share`: run the tests of kernels, the tuner and the benchmarks on the adapter at hand, and leave one file to
 * attach to an issue. `npm run bench -- show FILE` prints it as tables.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import type { Message } from './part.ts';
import { PARTS, type PartName, readShared, type SharedParts, writeShared } from './results.ts';

/** Options of `share`. */
export interface ShareOptions {
  /** Path of the file. */
  readonly out: string;
  /** Small sizes and few rounds, to try it. */
  readonly brief: boolean;
  readonly parts?: readonly PartName[];
}

/** Titles of the parts. */
const TITLES: Readonly<Record<PartName, string>> = {
  machine: 'Adapter',
  tests: 'Tests of kernels',
  tuning: 'Tuner',
  counts: 'Dispatches',
  steps: 'Training steps',
  kernels: 'Kernels',
};

const PART = fileURLToPath(new URL('part.ts', import.meta.url));

/** Run all parts, one after another; after each the file has what there is so far. Return what went wrong. */
export async function share({ out, brief, parts = PARTS }: ShareOptions): Promise<readonly string[]> {
  const bar = new SingleBar({ format: '{bar} {percentage} % | {part}', hideCursor: true });
  // Where no terminal redraws a bar, each part has a line.
  const isTerminal = process.stderr.isTTY;
  bar.start(parts.length, 0, { part: '' });
  const results: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [i, name] of parts.entries()) {
    const part = TITLES[name];
    bar.update(i, { part });
    if (!isTerminal) console.error(`${i + 1} of ${parts.length}: ${part}`);
    const started = performance.now();
    const outcome = await runPart(name, brief, (done) => bar.update(i + done, { part }));
    results[name] = { seconds: Math.round(performance.now() - started) / 1000, ...outcome };
    if ('problem' in outcome) problems.push(`${part}: ${outcome.problem}`);
    writeShared(out, results as SharedParts);
  }
  bar.update(parts.length, { part: 'done' });
  bar.stop();
  readShared(out);
  return problems;
}

type Outcome = { readonly result: unknown } | { readonly problem: string };

/** Run a part in a process of its own. */
function runPart(name: PartName, brief: boolean, onProgress: (share: number) => void): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = fork(PART, [name, ...(brief ? ['brief'] : [])], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let outcome: Outcome | undefined;
    child.on('message', (message: Message) => {
      if ('share' in message) onProgress(message.share);
      else outcome = message;
    });
    child.on('error', ({ message }) => resolve({ problem: message }));
    child.on('exit', (code, signal) => {
      resolve(outcome ?? { problem: `the process ended with ${signal ?? `code ${code}`}` });
    });
  });
}
