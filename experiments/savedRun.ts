/** What is kept of a training: docs/learning/results/<experiment>/<row>/seed-<n>.json. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type Experiment, type Trial, trialName, trialsOf } from './experiment.ts';

/** Where results lie unless told otherwise. */
export const RESULTS = 'docs/learning/results';

const list = <Item extends z.ZodType>(item: Item) => z.array(item).readonly();

/** Of each problem 1 or 0. */
const verdicts = z.string().regex(/^[01]+$/);
const metricSeries = list(z.number());

/** Accuracies by step, and answers to each problem. */
export const savedRunSchema = z.object({
  name: z.string(),
  start: z.string(),
  seed: z.number(),
  /** All that are not the defaults. */
  options: z.record(z.string(), z.unknown()),
  model: z.string(),
  adapter: z.string(),
  versions: z.record(z.string(), z.string()),
  gitCommit: z.string().nullable(),
  /** Of each held-out problem, whether it was answered rightly by the start, and after the last step. */
  before: verdicts,
  after: verdicts,
  /** [step, accuracy] on the held-out problems, from step 0 to the last one. */
  evaluations: list(z.tuple([z.number(), z.number()]).readonly()),
  /** Of each examined step, the verdicts on the problems of the examination. */
  examination: z.record(z.string(), verdicts).optional(),
  /** How many of `n` completions of each problem were right, before and after. */
  samples: z.object({ n: z.number(), before: list(z.number()), after: list(z.number()) }).optional(),
  /** Means over blocks of so many steps. */
  metrics: z.object({
    steps: z.number(),
    reward: metricSeries,
    kl: metricSeries,
    entropy: metricSeries,
    length: metricSeries,
  }),
  /** Of the whole training, evaluations included; of its steps alone. */
  seconds: z.number(),
  trainingSeconds: z.number(),
  tokens: z.number(),
});

/** A training as it is kept. */
export type SavedRun = z.output<typeof savedRunSchema>;

/** The verdicts of a saved run. */
export const fromBits = (bits: string): boolean[] => [...bits].map((bit) => bit === '1');
/** Verdicts as they are saved. */
export const toBits = (correct: readonly boolean[]): string =>
  correct.map((right) => (right ? '1' : '0')).join('');

/** The file of a trial. */
export function resultPath(trial: Trial, folder: string = RESULTS): string {
  return join(folder, `${trialName(trial)}.json`);
}

/** Writes a result, one key a line. */
export function saveRun(path: string, run: SavedRun): void {
  mkdirSync(dirname(path), { recursive: true });
  const lines = Object.entries(savedRunSchema.parse(run)).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  writeFileSync(path, `{\n${lines.join(',\n')}\n}\n`);
}

/** @throws Error for a file that is no result. */
export function readRun(path: string): SavedRun {
  const parsed = savedRunSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`${path} is no saved run: ${parsed.error.issues[0]?.path.join('.')}`);
}

/** The saved runs of an experiment by row, as many seeds as there are. */
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
