/** A training session from its first line to its summary: device, run directory, stop signals, results. */
import { z } from 'zod';
import type { Device } from '../gpu/device.ts';
import type { Checkpoint } from '../model/checkpoint/index.ts';
import { describe } from '../model/config.ts';
import { evaluate } from '../model/evaluate.ts';
import { Sampler } from '../model/sampler.ts';
import { Transformer } from '../model/transformer.ts';
import { oneOf, yesOrNo } from '../options.ts';
import { gitCommit, versions } from '../runs/provenance.ts';
import { Run, type RunKind } from '../runs/run.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import { accuracyOf, accuracyWithInterval, improvementOf, improvementText } from './accuracy.ts';
import { type AdapterRecord, deviceText, type Machine, withMachine } from './machine.ts';
import type { PhaseResult } from './phases.ts';
import { duration, Reporter } from './reporter.ts';
import { StopRequest } from './stopRequest.ts';
import { PRECISIONS, TUNING } from './tuning.ts';
import { type Subject, Workbench } from './workbench.ts';

const path = () => z.string().min(1, { error: 'give a path that is not empty' });

/** Flags of every command. */
export const outputSchema = z.strictObject({
  adapter: z
    .string()
    .optional()
    .describe('adapter: hardware, lavapipe, swiftshader, or part of a description'),
  profile: path()
    .optional()
    .describe('time every kernel, say at the end which took how long, and write a Chrome trace to this file'),
  tune: oneOf(TUNING)
    .default('auto')
    .describe('measure which kernels are the fastest: once on a GPU (auto), again, or never'),
  matmulPrecision: oneOf(PRECISIONS)
    .default('highest')
    .describe('highest (f32) or medium (products may round their operands to f16, where that is faster)'),
  json: yesOrNo().default(false).describe('print one JSON document on stdout, everything else on stderr'),
  quiet: yesOrNo().default(false).describe('leave out the progress'),
});

/** Flags of every training command. */
export const sessionSchema = z.strictObject({
  out: path().optional().describe('directory of the run, new or empty (default: runs/<time>-<kind>)'),
  debug: yesOrNo()
    .default(false)
    .describe('stop at the first op that makes a NaN or an infinity, and name it (several times slower)'),
  tensorboard: yesOrNo()
    .default(false)
    .describe('also write the metrics for TensorBoard, to tensorboard/ in the directory of the run'),
  ...outputSchema.shape,
});

export interface SessionOptions {
  readonly kind: RunKind;
  readonly flags: z.output<typeof sessionSchema>;
  /** All options of the trainers, for config.json. */
  readonly options: object;
  /** What the trainers made of options that were not given, for config.json too. */
  readonly derived?: object;
  readonly task: Task;
  readonly seed: number;
  readonly model: Checkpoint;
  /** Where the model was loaded from, if it was. */
  readonly loadedFrom?: string | undefined;
  /** The held-out problems, and the most tokens of an answer to one. */
  readonly problems: readonly TaskProblem[];
  readonly maxGenLen: number;
  /** Also write the metrics as CSV to this path. */
  readonly csv?: string | undefined;
}

/** What a session found; null for what it did not get to. */
export interface Results {
  readonly baseline: readonly boolean[] | null;
  readonly final: readonly boolean[] | null;
  readonly phases: Readonly<Partial<Record<'pretrain' | 'grpo', PhaseResult>>>;
}

/** The work of a session: trains the model on the workbench and reports what came of it. */
export type Training = (bench: Workbench, model: Transformer) => Promise<Results>;

/**
 * Opens the adapter and the run directory, trains, and writes and prints the summary. After Ctrl-C or SIGTERM the
 * summary says `interrupted`, and `process.exitCode` is the signal's.
 * @throws AdapterError, FileError, GpuError
 */
export async function trainingSession(options: SessionOptions, train: Training): Promise<void> {
  const { flags, model: initial, loadedFrom, problems, csv } = options;
  const reporter = new Reporter(flags);
  const work = async ({ device, adapter }: Machine): Promise<void> => {
    reporter.line(deviceText(adapter));
    const model = new Transformer(device, initial.config, initial.stateDict);
    if (loadedFrom === undefined) reporter.line(`Model created: ${describe(initial.config)}`);
    else {
      reporter.line(`Loading checkpoint from ${loadedFrom}`);
      reporter.line(`Model loaded: ${describe(initial.config)}`);
    }
    const sampler = new Sampler(model, { eos: options.task.tokenizer.eos });
    using run = new Run({
      kind: options.kind,
      config: configOf(options, adapter, device),
      ...(flags.out === undefined ? {} : { directory: flags.out }),
      ...(csv ? { csv } : {}),
      tensorboard: flags.tensorboard,
    });
    run.writeLines('evaluation.jsonl', problems);
    reporter.line(`Run directory: ${run.directory}`);
    using stop = new StopRequest(() => reporter.line('Stopping after this step; once more quits at once'));
    const bench = new Workbench(
      run,
      reporter,
      stop,
      subjectOf(model, sampler, options),
      problems,
      options.task,
    );
    const results = await train(bench, model);
    const summary = { ...summaryOf(options, results, adapter, stop.requested), kernels: kernelsOf(device) };
    run.writeJson('summary.json', summary);
    printResults(reporter, summary);
    reporter.document({ directory: run.directory, ...summary });
    sampler.dispose();
    if (stop.exitCode !== undefined) process.exitCode = stop.exitCode;
  };
  await withMachine(flags, reporter, [initial.config], work);
}

function subjectOf(model: Transformer, sampler: Sampler, options: SessionOptions): Subject {
  const { problems, task, maxGenLen, kind, seed } = options;
  return {
    evaluate: (onProgress) => evaluate(sampler, problems, { task, maxNew: maxGenLen, onProgress }),
    checkpoint: async () => ({
      config: model.config,
      stateDict: await model.stateDict(),
      metadata: new Map([
        ['kind', kind],
        ['seed', String(seed)],
      ]),
    }),
  };
}

function configOf(options: SessionOptions, adapter: AdapterRecord, { choices }: Device): object {
  return {
    kind: options.kind,
    startedAt: new Date().toISOString(),
    options: options.options,
    ...(options.derived && { derived: options.derived }),
    model: options.model.config,
    checkpoint: options.loadedFrom ?? null,
    evaluation: { problems: options.problems.length, maxGenLen: options.maxGenLen },
    adapter,
    kernels: choices,
    versions: versions(),
    gitCommit: gitCommit(),
  };
}

/** The content of summary.json. */
export type Summary = ReturnType<typeof summaryOf>;

function summaryOf(
  { kind, seed }: SessionOptions,
  { baseline, final, phases }: Results,
  adapter: AdapterRecord,
  interrupted: boolean,
) {
  const done = Object.values(phases);
  const tokens = done.reduce((sum, phase) => sum + phase.tokens, 0);
  const trainingSeconds = done.reduce((sum, phase) => sum + phase.seconds, 0);
  return {
    kind,
    interrupted,
    baseline: baseline && accuracyOf(baseline),
    final: final && accuracyOf(final),
    improvement: baseline && final && improvementOf(baseline, final),
    /** Since the start of the process. */
    seconds: performance.now() / 1000,
    trainingSeconds,
    tokens,
    tokensPerSecond: trainingSeconds > 0 ? tokens / trainingSeconds : 0,
    phases,
    checkpoint: done.at(-1)?.checkpoint ?? null,
    adapter,
    seed,
    gitCommit: gitCommit(),
  };
}

/** Which variants ran, by family and shape class. */
const kernelsOf = ({ chosen }: Device): Record<string, string> =>
  Object.fromEntries([...chosen].map(([key, { name }]) => [key, name]));

/** Evaluates under a name and prints the line for it; null if a stop was requested. */
export async function judge(
  bench: Workbench,
  name: 'baseline' | 'final',
): Promise<readonly boolean[] | null> {
  if (bench.stop.requested) return null;
  const correct = await bench.evaluate(name);
  if (correct) {
    const label = name === 'baseline' ? 'Baseline' : 'Final';
    bench.reporter.line(`${label}: ${accuracyWithInterval(accuracyOf(correct))}`);
  }
  return correct;
}

function printResults(reporter: Reporter, summary: Summary): void {
  const { improvement, checkpoint, interrupted, seconds, tokensPerSecond } = summary;
  if (improvement) reporter.line(`Improvement: ${improvementText(improvement)}`);
  const what = interrupted ? 'Interrupted; saved the model' : 'Saved final model';
  if (checkpoint !== null) reporter.line(`${what} to ${checkpoint}`);
  else if (interrupted) reporter.line('Interrupted before the first step; nothing to save');
  reporter.line(`Took ${duration(seconds)}, ${Math.round(tokensPerSecond)} tokens/s in training`);
}
