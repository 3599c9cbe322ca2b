/** Perform a trial and save its result. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Examination, type Start, type Trial, trialName } from './experiment.ts';
import { resultPath, type SavedRun, saveRun, toBits } from './savedRun.ts';
import { startNamed } from './starts.ts';

/** Folder of the complete runs, which are not part of the repository. */
const RUNS = 'runs/learning';
/** Maximum number of points that are saved of a metric. */
const POINTS = 100;

/** Run a command of the project, and return its JSON document. */
async function command(name: string, args: readonly string[]): Promise<Record<string, unknown>> {
  const argv = ['--import', 'tsx', `src/cli/${name}.ts`, ...args, '--json', '--quiet'];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as Record<string, unknown>;
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const readLines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Train in a directory, or resume an interrupted training with the same options there. Do nothing if it is finished. */
async function train(kind: 'pretrain' | 'grpo', directory: string, options: object): Promise<void> {
  if (existsSync(join(directory, 'summary.json'))) return;
  const config = `${directory}.json`;
  const text = `${JSON.stringify(options, null, 2)}\n`;
  const saved = existsSync(join(directory, 'checkpoints', 'manifest.json'));
  if (saved && existsSync(config) && readFileSync(config, 'utf8') === text) {
    await command('train', ['resume', directory, '--trust']);
    return;
  }
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(dirname(directory), { recursive: true });
  writeFileSync(config, text);
  await command('train', [kind, '--config', config, '--trust', '--out', directory]);
}

/** Return the checkpoint of a start. Pretrain the model if it does not exist. */
export async function checkpointOf(start: Start): Promise<string> {
  if (start.kind === 'reference') return start.path;
  const directory = join(RUNS, 'starts', start.name);
  const checkpoint = join(directory, 'checkpoints', `model_step${start.options.steps}.safetensors`);
  if (existsSync(checkpoint)) return checkpoint;
  const { maxGenLen: _, ...problems } = start.setting;
  const from = start.from === undefined ? {} : { checkpoint: await checkpointOf(startNamed(start.from)) };
  await train('pretrain', directory, { modelsize: start.modelsize, ...problems, ...start.options, ...from });
  return checkpoint;
}

/** Train, evaluate and save a trial. Return the path of the result. */
export async function perform(trial: Trial, start: Start, folder?: string): Promise<string> {
  const { experiment, row, seed } = trial;
  const checkpoint = await checkpointOf(start);
  const directory = join(RUNS, trialName(trial));
  const options = { ...experiment.base, ...row.change };
  const { samples: n, examination, evalInterval } = experiment;
  const saveInterval = examination ? greatestCommonDivisor(examination.steps) : 0;
  await train('grpo', directory, {
    ...{ checkpoint, ...start.setting, ...options, seed },
    ...{ evalInterval, saveInterval, evalSize: start.evalSize },
  });
  const trained = join(directory, 'checkpoints');
  const saved: SavedRun = {
    ...summarise(trial, start, directory),
    ...(examination && { examination: await examine(examination, start, checkpoint, trained) }),
    ...(n !== undefined && {
      samples: await sample(n, start, checkpoint, join(trained, 'rl_model_final.safetensors')),
    }),
  };
  const path = resultPath(trial, folder);
  saveRun(path, saved);
  return path;
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

/** Return the flags of `evaluate.ts` for the problems of a start. */
function problemFlags({ setting }: Start, evalSize: number): string[] {
  const { operators, maxDigits, maxDepth, maxGenLen } = setting;
  const flags = {
    eval_size: evalSize,
    operators,
    max_digits: maxDigits,
    max_depth: maxDepth,
    max_gen_len: maxGenLen,
  };
  return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}=${value}`]);
}

async function examine(
  { task, evalSize, steps }: Examination,
  start: Start,
  checkpoint: string,
  trained: string,
): Promise<Record<string, string>> {
  const answers = join(trained, 'examination.jsonl');
  const found: Record<string, string> = {};
  for (const step of steps) {
    const onTheWay = join(trained, `rl_model_step${step}.safetensors`);
    const last = join(trained, 'rl_model_final.safetensors');
    const path = step === 0 ? checkpoint : existsSync(onTheWay) ? onTheWay : last;
    await command('evaluate', [
      path,
      '--task',
      task,
      ...problemFlags(start, evalSize),
      '--completions',
      answers,
    ]);
    found[step] = toBits(readLines(answers).map(({ verdict }) => verdict === 'correct'));
  }
  return found;
}

async function sample(n: number, start: Start, before: string, after: string): Promise<SavedRun['samples']> {
  const flags = problemFlags(start, start.evalSize);
  const { results } = await command('evaluate', [before, after, ...flags, `--num_samples=${n}`]);
  const [first, second] = results as { readonly counts: readonly number[] }[];
  return { n, before: first?.counts ?? [], after: second?.counts ?? [] };
}
