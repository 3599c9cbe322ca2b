/** Perform a trial and save its result. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { grpoOptions } from '../src/grpo/options.ts';
import { loadCheckpoint } from '../src/runs/checkpointFile.ts';
import { arithmetic } from '../src/tasks/arithmetic/task.ts';
import { examined, sampled } from './answers.ts';
import { type Start, type Trial, trialName } from './experiment.ts';
import { openMachine } from './machine.ts';
import { resultPath, type SavedRun, saveRun, toBits } from './savedRun.ts';
import { checkpointOf, improve, RUNS, type TrainingPlace } from './trainings.ts';

/** Maximum number of points that are saved of a metric. */
const POINTS = 100;

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const readLines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** The place of a trial; that of the repository by default. */
export interface Place extends TrainingPlace {
  /** Folder of the results. */
  readonly results?: string;
}

/** Train, evaluate and save a trial. Return the path of the result. */
export async function perform(trial: Trial, start: Start, place: Place = {}): Promise<string> {
  const { experiment, row, seed } = trial;
  const checkpoint = await checkpointOf(start, place);
  const directory = join(place.runs ?? RUNS, trialName(trial));
  const change = { ...experiment.base, ...row.change };
  const { examination, evalInterval } = experiment;
  const { setting, evalSize } = start;
  const saveInterval = examination ? greatestCommonDivisor(examination.steps) : 0;
  await improve(
    directory,
    { checkpoint, setting, change, seed, evalSize, evalInterval, saveInterval },
    place,
  );
  const answers = await answered(
    trial,
    start,
    { checkpoint, trained: join(directory, 'checkpoints') },
    place,
  );
  const path = resultPath(trial, place.results);
  saveRun(path, { ...summarise(trial, start, directory), ...answers });
  return path;
}

/** Answer further problems with the checkpoints of a trial, where its experiment wants that. */
async function answered(
  { experiment, row }: Trial,
  { setting, evalSize: size }: Start,
  { checkpoint, trained }: { readonly checkpoint: string; readonly trained: string },
  { open = openMachine }: Place,
): Promise<Pick<SavedRun, 'examination' | 'samples'>> {
  const { samples, examination } = experiment;
  if (samples === undefined && examination === undefined) return {};
  const { reward: _, ...options } = { ...experiment.base, ...row.change };
  const { maxNewTokens, ...problems } = setting;
  const grpo = grpoOptions({ maxNewTokens, ...options });
  const last = join(trained, 'rl_model_final.safetensors');
  const { eos } = arithmetic(problems).tokenizer;
  await using machine = await open({ model: loadCheckpoint(checkpoint).config, eos, kernels: undefined });
  const found: Record<string, string> = {};
  for (const step of examination?.steps ?? []) {
    const onTheWay = join(trained, `rl_model_step${step}.safetensors`);
    const path = step === 0 ? checkpoint : existsSync(onTheWay) ? onTheWay : last;
    const { task = arithmetic, evalSize = size } = examination ?? {};
    const questions = { task: task(problems), size: evalSize, maxNewTokens };
    found[step] = toBits(await examined(machine, path, questions));
  }
  const sample = async (n: number) => {
    const questions = { task: arithmetic(problems), size, maxNewTokens };
    const drawing = { samples: n, temperature: grpo.temperature };
    const before = await sampled(machine, checkpoint, questions, drawing);
    return { n, before, after: await sampled(machine, last, questions, drawing) };
  };
  return {
    ...(examination && { examination: found }),
    ...(samples !== undefined && { samples: await sample(samples) }),
  };
}

const greatestCommonDivisor = (numbers: readonly number[]): number =>
  numbers.reduce((a, b) => {
    while (b > 0) [a, b] = [b, a % b];
    return a;
  }, 0);

function summarise(trial: Trial, start: Start, directory: string): Omit<SavedRun, 'examination' | 'samples'> {
  const config = readJson(join(directory, 'config.json'));
  const summary = readJson(join(directory, 'summary.json'));
  const metrics = readLines(join(directory, 'metrics.jsonl'));
  const bits = (name: string): string =>
    toBits(
      readLines(join(directory, `${name}_completions.jsonl`)).map(({ verdict }) => verdict === 'correct'),
    );
  const onTheWay = metrics.flatMap(({ step, eval_accuracy: accuracy }): [number, number][] =>
    typeof step === 'number' && typeof accuracy === 'number' ? [[step, accuracy]] : [],
  );
  const { nLayers, dModel } = config.model;
  return {
    name: trialName(trial),
    start: start.name,
    seed: trial.seed,
    options: { ...trial.experiment.base, ...trial.row.change },
    model: `${nLayers} layers, ${dModel} wide`,
    adapter: config.adapter.description,
    versions: config.versions,
    gitCommit: config.gitCommit,
    before: bits('baseline'),
    after: bits('final'),
    evaluations: [[0, summary.baseline.accuracy], ...onTheWay, [metrics.length, summary.final.accuracy]],
    metrics: series(metrics),
    seconds: Math.round(summary.seconds),
    trainingSeconds: Math.round(summary.trainingSeconds),
    tokens: summary.tokens,
  };
}

/** Return the means of metrics over blocks of steps, so that a few numbers show the course of a long run. */
function series(metrics: readonly Record<string, unknown>[]): SavedRun['metrics'] {
  const steps = Math.ceil(metrics.length / POINTS);
  const blocks = Array.from({ length: Math.ceil(metrics.length / steps) }, (_, i) =>
    metrics.slice(i * steps, (i + 1) * steps),
  );
  const means = (key: string): number[] =>
    blocks.map((block) =>
      Number((block.reduce((sum, row) => sum + Number(row[key] ?? 0), 0) / block.length).toPrecision(4)),
    );
  return {
    steps,
    reward: means('reward'),
    kl: means('kl'),
    entropy: means('entropy'),
    length: means('completions/mean_length'),
  };
}
