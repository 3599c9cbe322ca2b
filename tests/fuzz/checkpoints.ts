/**
 * `npm run fuzz -- --mutants 100000 --seed 0`: read mutants of real checkpoints as untrusted files. `--family` selects one
 * family, `--only INDEX` repeats one mutant. Print a table at the end. At the first violation, print the seed and index that
 * repeat it, and exit with code 1. No file is written.
 */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Command, InvalidArgumentError, Option } from 'commander';
import { BrokenPromise, Examiner } from './examine.ts';
import { mutantsOf } from './mutant.ts';
import { FAMILIES, type Family } from './seeds.ts';

interface Job {
  readonly family: Family;
  readonly seed: number;
  readonly first: number;
  readonly end: number;
  /** The current index, for the watching thread. */
  readonly progress: Int32Array;
}

interface Extreme {
  readonly value: number;
  readonly index: number;
}

type Report =
  | { readonly kind: 'broken'; readonly index: number; readonly problem: string }
  | {
      readonly kind: 'done';
      readonly codes: ReadonlyMap<string, number>;
      readonly slowestMs: Extreme;
      readonly peakBytes: Extreme;
      readonly seconds: number;
    };

/** Seconds after which an unchanged index counts as an endless loop. */
const STUCK_SECONDS = 120;

function work({ family, seed, first, end, progress }: Job): Report {
  const mutant = mutantsOf(family, seed);
  const examiner = new Examiner();
  const codes = new Map<string, number>();
  let slowestMs: Extreme = { value: 0, index: first };
  let peakBytes: Extreme = { value: 0, index: first };
  const started = performance.now();
  for (let index = first; index < end; index++) {
    Atomics.store(progress, 0, index);
    try {
      const { code, milliseconds, peakBytes: peak = 0 } = examiner.examine(mutant(index));
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (milliseconds > slowestMs.value) slowestMs = { value: milliseconds, index };
      if (peak > peakBytes.value) peakBytes = { value: peak, index };
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      return { kind: 'broken', index, problem: error.message };
    }
  }
  return { kind: 'done', codes, slowestMs, peakBytes, seconds: (performance.now() - started) / 1000 };
}

/** This file again: threads do not inherit the loader of TypeScript. */
const IN_THREAD = `import('tsx/esm/api').then(({ tsImport }) => tsImport('${import.meta.url}', '${import.meta.url}'))`;

/** Run a job in a thread, so that even an endless loop or an exhausted heap can be traced to its index. */
function watch(job: Job): Promise<Report> {
  const worker = new Worker(IN_THREAD, { eval: true, workerData: job });
  return new Promise((resolve) => {
    let last = -1;
    let since = 0;
    const finish = (report: Report) => {
      clearInterval(timer);
      void worker.terminate();
      resolve(report);
    };
    const broken = (problem: string) =>
      finish({ kind: 'broken', index: Atomics.load(job.progress, 0), problem });
    const timer = setInterval(() => {
      const index = Atomics.load(job.progress, 0);
      since = index === last ? since + 1 : 0;
      last = index;
      if (since >= STUCK_SECONDS) broken(`it is still being read after ${STUCK_SECONDS} s`);
    }, 1000);
    worker.once('message', finish);
    worker.once('error', (error) => broken(error.message));
  });
}

function natural(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('not a natural number');
  return value;
}

async function main(): Promise<void> {
  const { mutants, seed, first, only, family } = new Command('fuzz')
    .option('--mutants <number>', 'mutants of each family', natural, 10_000)
    .option('--seed <number>', 'of the random numbers', natural, 0)
    .option('--first <index>', 'begin with this mutant, to share the work among processes', natural, 0)
    .option('--only <index>', 'replay one mutant', natural)
    .addOption(new Option('--family <name>', 'one family alone').choices(FAMILIES))
    .parse()
    .opts<{ mutants: number; seed: number; first: number; only?: number; family?: Family }>();
  const range = only === undefined ? { first, end: first + mutants } : { first: only, end: only + 1 };
  const rows: Record<string, Record<string, string | number>> = {};
  for (const name of family ? [family] : FAMILIES) {
    const progress = new Int32Array(new SharedArrayBuffer(4));
    const report = await watch({ family: name, seed, ...range, progress });
    if (report.kind === 'broken') {
      console.error(`--family ${name} --seed ${seed} --only ${report.index}: ${report.problem}`);
      process.exitCode = 1;
      return;
    }
    const { codes, slowestMs, peakBytes, seconds } = report;
    rows[name] = {
      mutants: range.end - range.first,
      ...Object.fromEntries([...codes].sort(([a], [b]) => (a < b ? -1 : 1))),
      'slowest, ms': `${slowestMs.value.toFixed(1)} (${slowestMs.index})`,
      'peak, MB': `${(peakBytes.value / 1e6).toFixed(1)} (${peakBytes.index})`,
      seconds: seconds.toFixed(0),
    };
  }
  console.table(transposed(rows));
}

/** Return a table with one column per family. Rows in capitals are error codes. */
function transposed(rows: Readonly<Record<string, Readonly<Record<string, string | number>>>>) {
  const keys = [...new Set(Object.values(rows).flatMap((row) => Object.keys(row)))];
  const isCode = (key: string) => Number(/^[A-Z]/.test(key)) - Number(/ms|MB|seconds/.test(key));
  const column = (key: string) =>
    Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, row[key] ?? 0]));
  return Object.fromEntries(keys.sort((a, b) => isCode(b) - isCode(a)).map((key) => [key, column(key)]));
}

if (isMainThread) await main();
else parentPort?.postMessage(work(workerData));
