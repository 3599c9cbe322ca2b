/** Saved results of trials: docs/learning/results/<experiment>/<row>/seed-<n>.json. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type Experiment, type Trial, trialName, trialsOf } from './experiment.ts';

/** Default folder of the results. */
export const RESULTS = 'docs/learning/results';

const list = <Item extends z.ZodType>(item: Item) => z.array(item).readonly();

/** One digit for each problem: 1 for a right answer, 0 for a wrong one. */
const verdicts = z.string().regex(/^[01]+$/);
const metricSeries = list(z.number());

/** Schema of the result of a trial: accuracies by step, and verdicts on each problem. */
export const savedRunSchema = z.object({
  name: z.string(),
  start: z.string(),
  seed: z.number(),
  /** Options that differ from the defaults. */
  options: z.record(z.string(), z.unknown()),
  model: z.string(),
  adapter: z.string(),
  versions: z.record(z.string(), z.string()),
  gitCommit: z.string().nullable(),
  /** Verdicts on the held-out problems, of the start and after the last step. */
  before: verdicts,
  after: verdicts,
  /** [step, accuracy] on the held-out problems, from step 0 to the last step. */
  evaluations: list(z.tuple([z.number(), z.number()]).readonly()),
  /** Verdicts on the problems of the examination, by step. */
  examination: z.record(z.string(), verdicts).optional(),
  /** Number of right completions out of `n` for each problem, before and after training. */
  samples: z.object({ n: z.number(), before: list(z.number()), after: list(z.number()) }).optional(),
  /** Means of metrics over blocks of `steps` steps. */
  metrics: z.object({
    steps: z.number(),
    reward: metricSeries,
    kl: metricSeries,
    entropy: metricSeries,
    length: metricSeries,
  }),
  /** Seconds of the whole training, evaluations included; and of its steps alone. */
  seconds: z.number(),
  trainingSeconds: z.number(),
  tokens: z.number(),
});

/** The saved result of a trial. */
export type SavedRun = z.output<typeof savedRunSchema>;

/** Return the verdicts of a saved run. */
export const fromBits = (bits: string): boolean[] => [...bits].map((bit) => bit === '1');
/** Return verdicts in their saved form. */
export const toBits = (correct: readonly boolean[]): string =>
  correct.map((right) => (right ? '1' : '0')).join('');

/** Return the path of a trial's result. */
export function resultPath(trial: Trial, folder: string = RESULTS): string {
  return join(folder, `${trialName(trial)}.json`);
}

/** Write a result, one key per line. */
export function saveRun(path: string, run: SavedRun): void {
  mkdirSync(dirname(path), { recursive: true });
  const lines = Object.entries(savedRunSchema.parse(run)).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  writeFileSync(path, `{\n${lines.join(',\n')}\n}\n`);
}

/** Read a result. @throws Error if the file is not a result. */
export function readRun(path: string): SavedRun {
  const parsed = savedRunSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`${path} is no saved run: ${parsed.error.issues[0]?.path.join('.')}`);
}

/** Read the saved runs of an experiment, by row. Seeds without a result are left out. */
export function savedRuns(
  experiment: Experiment,
  folder: string = RESULTS,
): ReadonlyMap<string, readonly SavedRun[]> {
  const found = new Map<string, SavedRun[]>();
  for (const trial of trialsOf(experiment)) {
    const path = resultPath(trial, folder);
    if (!existsSync(path)) continue;
    const runs = found.get(trial.row.name) ?? [];
    runs.push(readRun(path));
    found.set(trial.row.name, runs);
  }
  return found;
}
