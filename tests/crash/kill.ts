/** Kill processes at random moments, and collect the state that they leave. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../src/base/randomStream.ts';
import { Checkpoints } from '../../src/runs/checkpoints.ts';
import { EVENT_FILE } from '../../src/runs/metrics/tensorBoard.ts';
import type { CheckpointEntry } from '../../src/training/checkpointFormat.ts';
import { readEvents } from '../runs/metrics/eventFile.ts';

/** Approximate seconds that a process needs before its first step. */
const START_SECONDS = 3;

/** Exit code, signal and output of a process. */
interface Ended {
  readonly killed: boolean;
  readonly code: number | null;
  readonly output: string;
}

/** Run a script in a new process, and kill it `milliseconds` after it prints `cue`, or after its start. */
export function runAndKill(
  script: string,
  args: readonly string[],
  { milliseconds, cue }: { readonly milliseconds: number; readonly cue?: RegExp },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      timer ??= setTimeout(() => child.kill('SIGKILL'), milliseconds);
    };
    if (cue === undefined && Number.isFinite(milliseconds)) arm();
    const heard = (text: string): void => {
      output += text;
      if (cue?.test(output)) arm();
    };
    child.stdout.setEncoding('utf8').on('data', heard);
    child.stderr.setEncoding('utf8').on('data', heard);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ killed: signal === 'SIGKILL', code, output });
    });
  });
}

/** Counts after repeatedly killing a process that saves without a pause. */
export interface SavingReport {
  readonly kills: number;
  /** Checkpoints that the processes reported as saved. */
  readonly acknowledged: number;
  /** Checkpoints in the manifest that cannot be read as they were written. */
  readonly torn: number;
  /** Kills after which neither the last reported checkpoint nor a later one existed. */
  readonly lost: number;
  /** Kills between the files of a checkpoint and its manifest, or that left a temporary file. */
  readonly midway: number;
}

/** Kill a process while it saves, repeatedly in the same directory. */
export async function killWhileSaving(directory: string, kills: number, seed: number): Promise<SavingReport> {
  const random = new RandomStream({ seed, stream: 0, item: 0 });
  const report = { kills: 0, acknowledged: 0, torn: 0, lost: 0, midway: 0 };
  for (; report.kills < kills; report.kills++) {
    const milliseconds = random.integerBelow(120);
    const { output, killed } = await runAndKill('tests/crash/saving.ts', [directory], {
      milliseconds,
      cue: /saved/,
    });
    if (!killed) throw new Error(`it ended by itself: ${output}`);
    const saved = [...output.matchAll(/^saved (\d+)$/gm)].map(([, step]) => Number(step));
    report.acknowledged += saved.length;
    const listed = readdirSync(directory);
    const checkpoints = new Checkpoints(directory);
    const known = new Set(checkpoints.entries.flatMap(({ files }) => Object.keys(files)));
    if (listed.some((file) => file !== 'manifest.json' && !known.has(file))) report.midway += 1;
    report.torn += checkpoints.entries.filter((entry) => !isWhole(checkpoints, entry)).length;
    if ((checkpoints.entries.at(-1)?.step ?? 0) < Math.max(...saved)) report.lost += 1;
  }
  return report;
}

/** Return true if a checkpoint can be read and has the step of its name. */
function isWhole(checkpoints: Checkpoints, entry: CheckpointEntry): boolean {
  try {
    const { state, session } = checkpoints.load(entry);
    return session.step === entry.step && state.optimizer.get('exp_avg')?.data.at(-1) === entry.step;
  } catch {
    return false;
  }
}

/** Results of a finished run that must not depend on kills. */
export interface RunTraces {
  readonly steps: readonly number[];
  /** The rows of metrics.jsonl, without their times and without what workers did. */
  readonly rows: readonly unknown[];
  /** Steps in the TensorBoard file, if there is one. */
  readonly events: readonly number[];
  /** SHA-256 of the last checkpoint's files, by their content's name. */
  readonly hashes: Readonly<Record<string, string>>;
  /** SHA-256 of the final answers to the held-out problems. */
  readonly answers: string;
}

/** Read the results of a finished run. */
export function tracesOf(run: string): RunTraces {
  const text = readFileSync(join(run, 'metrics.jsonl'), 'utf8');
  const rows = text.trimEnd().split('\n').map(rowOf);
  const last = new Checkpoints(join(run, 'checkpoints')).entries.at(-1);
  const hashes = Object.entries(last?.files ?? {}).filter(([file]) => file.endsWith('.safetensors'));
  return {
    steps: rows.map(({ step }) => step),
    rows,
    events: eventsOf(run),
    hashes: Object.fromEntries(hashes.map(([file, { sha256 }]) => [file, sha256])),
    answers: createHash('sha256')
      .update(readFileSync(join(run, 'final_completions.jsonl')))
      .digest('hex'),
  };
}

function rowOf(line: string): Readonly<Record<string, unknown>> & { readonly step: number } {
  const { step, ...row } = JSON.parse(line);
  const lasting = Object.entries(row).filter(
    ([name]) => name !== 'step_time' && !name.startsWith('workers/'),
  );
  return { step, ...Object.fromEntries(lasting) };
}

function eventsOf(run: string): number[] {
  const path = join(run, 'tensorboard', EVENT_FILE);
  if (!existsSync(path)) return [];
  // The first one names the format.
  return readEvents(readFileSync(path))
    .slice(1)
    .map(({ step }) => Number(step));
}

/** Counts of a run that was killed repeatedly. */
export interface KilledRun {
  /** Kills that found the process alive. */
  readonly kills: number;
  /** Those kills before which the process had logged no new step. */
  readonly idle: number;
  readonly seconds: number;
}

/**
 * Start a run, kill it `kills` times at random moments, resume it each time, and let it finish.
 * @param seconds duration of the uninterrupted run, from which the moments are drawn.
 */
export async function runWithKills(
  args: readonly string[],
  {
    out,
    kills,
    seconds,
    seed,
  }: { readonly out: string; readonly kills: number; readonly seconds: number; readonly seed: number },
): Promise<KilledRun> {
  const random = new RandomStream({ seed, stream: 1, item: 0 });
  const started = performance.now();
  let [idle, before] = [0, 0];
  for (let kill = 0; kill < kills; ) {
    // Up to twice what a process needs for its share after its start: some die in the start, some after many steps.
    const milliseconds = random.integerBelow(Math.ceil(1000 * (START_SECONDS + (2 * seconds) / kills)));
    const { killed, code, output } = await runAndKill('src/cli/train.ts', next(args, out), { milliseconds });
    if (killed) kill += 1;
    else if (code === 0) break;
    else throw new Error(output);
    const rows = rowsOf(out);
    if (rows === before) idle += 1;
    before = rows;
  }
  const { code, output } = await runAndKill('src/cli/train.ts', next(args, out), {
    milliseconds: Number.POSITIVE_INFINITY,
  });
  if (code !== 0) throw new Error(output);
  return { kills, idle, seconds: (performance.now() - started) / 1000 };
}

function rowsOf(run: string): number {
  const path = join(run, 'metrics.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}

/** Return the arguments of the next process: resume a run that has a config; otherwise remove the remains, and start it. */
export function next(args: readonly string[], out: string): string[] {
  if (existsSync(join(out, 'config.json'))) return ['resume', out];
  rmSync(out, { recursive: true, force: true });
  return [...args, '--out', out];
}
