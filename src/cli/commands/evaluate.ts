/**
 * `evaluate.ts CHECKPOINT [OTHER]`: accuracy on held-out problems, the same ones every time; with two checkpoints also
 * their difference, with its interval and McNemar's test. With `--num_samples` also pass@k, from that many samples of
 * each problem.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { flagOf, integer, parseOptions, path, pick, real, seed } from '../../base/options.ts';
import type { Checkpoint } from '../../formats/index.ts';
import { grpoSchema } from '../../grpo/options.ts';
import { MIN_TEMPERATURE } from '../../model/completions.ts';
import { describe } from '../../model/config.ts';
import { countCorrect, type EvaluateOptions, type Evaluation, evaluate } from '../../model/evaluate.ts';
import { Transformer } from '../../model/transformer.ts';
import { writeAtomically } from '../../runs/atomicFile.ts';
import { modelSource } from '../../runs/latestModel.ts';
import type { Task, TaskProblem } from '../../tasks/task.ts';
import { accuracyOf, improvementOf, passAtKDifferenceOf, passAtKOf } from '../../training/accuracy.ts';
import { outputSchema, taskField } from '../../training/commandOptions.ts';
import { completionRows } from '../../training/completions.ts';
import { heldOut } from '../../training/heldOut.ts';
import type { Machine } from '../../training/machine.ts';
import { settingsOf } from '../../training/trainedSettings.ts';
import {
  accuracyWithInterval,
  improvementText,
  passAtKDifferenceLines,
  passAtKLines,
} from '../accuracyText.ts';
import { deviceText, withMachine } from '../commandMachine.ts';
import { problemsOf, shortage } from '../evaluationProblems.ts';
import { throwing } from '../failure.ts';
import { filledOperand, givenFlags } from '../flags/flags.ts';
import { checkTask, modelSchema, openModel } from '../flags/modelFlags.ts';
import { taskOf } from '../flags/taskFlag.ts';
import { bothOf, onTask, type TaskFlags } from '../flags/taskFlags.ts';
import { Reporter } from '../reporter.ts';
import { takenSettings } from '../takenSettings.ts';

const { maxNewTokens } = grpoSchema.shape;

const flagsSchema = z.strictObject({
  evalSize: integer(1, 100_000)
    .default(1000)
    .describe(
      'held-out problems, fewer if the task has no more; less than 1000 are a random part of the first 1000',
    ),
  ...taskField,
  evalSet: path().optional().describe('take the problems from this file (evaluation.jsonl of a run)'),
  maxNewTokens,
  numSamples: integer(1, 4096)
    .optional()
    .describe('also sample this many completions of each problem, for pass@k (k = 1, 2, 4, …)'),
  temperature: real({ min: MIN_TEMPERATURE, max: 100 }).default(1).describe('temperature of these samples'),
  seed: seed().default(0).describe('seed of these samples'),
  completions: path().optional().describe('write what the first model answered to this file, as JSON lines'),
  ...modelSchema.shape,
  ...outputSchema.shape,
});

type Flags = z.output<typeof flagsSchema>;

type LoadedModel = Checkpoint & { readonly path: string };

async function run(
  paths: readonly string[],
  given: Readonly<Record<string, unknown>>,
  taskFlags: TaskFlags,
): Promise<void> {
  const sources = paths.map(modelSource);
  const checkpoints = sources.map(({ path }) => ({
    path,
    ...openModel(path, parseOptions(flagsSchema, pick(flagsSchema, given))),
  }));
  const { flags, options, lines } = trainedFlags(checkpoints, given, taskFlags);
  const reporter = new Reporter(flags);
  for (const line of [...sources.flatMap(({ notes }) => notes), ...lines]) reporter.line(line);
  const { evalSet, evalSize } = flags;
  const task = await taskOf({ definition: taskFlags.definition, options });
  for (const checkpoint of checkpoints) checkTask(checkpoint.path, checkpoint, task);
  const problems = evalSet === undefined ? heldOut(task, evalSize) : problemsOf(evalSet, task);
  if (evalSet === undefined) for (const line of shortage(problems, evalSize)) reporter.line(line);
  const models = checkpoints.map(({ config }) => config);
  await withMachine(flags, reporter, models, async (machine) => {
    reporter.line(deviceText(machine.adapter));
    const judged: Judged[] = [];
    for (const checkpoint of checkpoints) {
      reporter.line(`Loading checkpoint from ${checkpoint.path}`);
      reporter.line(`Model loaded: ${describe(checkpoint.config)}`);
      const result = await judgeOne(machine, checkpoint, { task, problems }, flags, reporter);
      if (flags.completions !== undefined && judged.length === 0) {
        const rows = completionRows(task, problems, result.evaluation.completions);
        writeAtomically(flags.completions, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      }
      judged.push(result);
    }
    const [first, second] = judged;
    const difference = first && second ? differenceOf(first, second, reporter) : null;
    const results = judged.map(resultOf);
    const { numSamples, temperature, seed } = flags;
    const sampling = numSamples === undefined ? null : { numSamples, temperature, seed };
    reporter.document({ results, difference, sampling, adapter: machine.adapter });
  });
}

const isEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * The flags and the options of the task, with what the checkpoints know of their training where they were not given, and
 * lines that say what was taken.
 */
function trainedFlags(
  checkpoints: readonly LoadedModel[],
  given: Readonly<Record<string, unknown>>,
  { schema }: TaskFlags,
) {
  const [first, second] = checkpoints.map(({ path, metadata }) => ({
    path,
    settings: settingsOf(metadata, schema.shape),
  }));
  const settings = { ...second?.settings, ...first?.settings };
  const idle = [
    ...(given.numSamples === undefined ? ['temperature'] : []),
    ...(given.evalSet ? ['evalSize'] : []),
  ];
  const keys = [...Object.keys(flagsSchema.shape), ...Object.keys(schema.shape)];
  const wanted = keys.filter((key) => !idle.includes(key));
  const { options: taken, text } = takenSettings(first?.path ?? '', settings, wanted, given);
  // Settings that decide how many problems a model solves; how many it was asked does not.
  const deciding = new Set(['task', 'maxNewTokens', 'temperature', ...Object.keys(schema.shape)]);
  const others = Object.entries(second?.settings ?? {}).filter(
    ([key, value]) => deciding.has(key) && Object.hasOwn(taken, key) && !isEqual(taken[key], value),
  );
  const differing = others.map(([key, value]) => `${flagOf(key)} ${value}`).join(' ');
  const all = { ...taken, ...given };
  return {
    flags: parseOptions(flagsSchema, pick(flagsSchema, all)),
    options: parseOptions(schema, pick(schema, all)),
    lines: [
      ...(text === '' ? [] : [`As it was trained (flags win over it): ${text}`]),
      ...(second && differing !== '' ? [`warning: ${second.path} was trained with ${differing}`] : []),
    ],
  };
}

/** Results of one checkpoint. */
interface Judged {
  readonly path: string;
  readonly evaluation: Evaluation;
  /** Of each problem, how many samples are right; null if none were drawn. */
  readonly sampled: { readonly counts: readonly number[]; readonly n: number } | null;
}

/** The greedy answers and the samples of a checkpoint, printed as soon as they are there. */
async function judgeOne(
  machine: Machine,
  { path, config, stateDict }: LoadedModel,
  { task, problems }: { readonly task: Task; readonly problems: readonly TaskProblem[] },
  { maxNewTokens, numSamples: n, temperature, seed }: Flags,
  reporter: Reporter,
): Promise<Judged> {
  const model = new Transformer(machine.device, config, stateDict);
  const sampler = machine.sampler(model, task.tokenizer.eos);
  const withBar = async <Result>(
    label: string,
    total: number,
    work: (options: Pick<EvaluateOptions, 'task' | 'maxNewTokens' | 'onProgress'>) => Promise<Result>,
  ): Promise<Result> => {
    const bar = reporter.bar(label, total);
    try {
      return await work({ task, maxNewTokens, onProgress: (done) => bar.update(done) });
    } finally {
      bar.stop();
    }
  };
  try {
    const evaluation = await withBar('Evaluating', problems.length, (options) =>
      evaluate(sampler, problems, options),
    );
    reporter.line(`Accuracy: ${accuracyWithInterval(accuracyOf(evaluation.correct))}`);
    if (n === undefined) return { path, evaluation, sampled: null };
    const counts = await withBar('Sampling', problems.length * n, (options) =>
      countCorrect(sampler, problems, { ...options, samples: n, temperature, seed }),
    );
    for (const line of passAtKLines(passAtKOf(counts, n))) reporter.line(line);
    return { path, evaluation, sampled: { counts, n } };
  } finally {
    sampler.dispose();
    model.dispose();
  }
}

function resultOf({ path, evaluation, sampled }: Judged): object {
  return {
    checkpoint: path,
    ...accuracyOf(evaluation.correct),
    ...(sampled && { passAtK: passAtKOf(sampled.counts, sampled.n), counts: sampled.counts }),
  };
}

function differenceOf(first: Judged, second: Judged, reporter: Reporter): object {
  const difference = improvementOf(first.evaluation.correct, second.evaluation.correct);
  reporter.line(`Difference: ${improvementText(difference)}`);
  if (!first.sampled || !second.sampled) return difference;
  const passAtK = passAtKDifferenceOf(first.sampled.counts, second.sampled.counts, first.sampled.n);
  for (const line of passAtKDifferenceLines(passAtK)) reporter.line(line);
  return { ...difference, passAtK };
}

/** Build `evaluate <checkpoint> [other]`. @param argv the words behind it. */
export function evaluateCommand(argv: readonly string[]): Promise<Command> {
  const command = throwing(new Command('evaluate'))
    .description('Accuracy of a checkpoint on held-out problems; of two, also their difference.')
    .argument(
      '<checkpoint>',
      'model to evaluate (.safetensors, .pt of the original, a Hugging Face directory, or a run)',
      filledOperand,
    )
    .argument('[other]', 'model to compare with it on the same problems', filledOperand);
  return onTask(command, argv, {
    schema: flagsSchema,
    use: 'other',
    run: (task, paths) => run(paths, givenFlags(command, bothOf(flagsSchema, task)), task),
  });
}
