/** A training session from its first line to its summary: device, run directory, stop signals, results. */
import { z } from 'zod';
import { problemOf } from '../base/errors.ts';
import { integer, oneOf, path, yesOrNo } from '../base/options.ts';
import { printable } from '../formats/error.ts';
import type { Checkpoint } from '../formats/index.ts';
import type { Device } from '../gpu/device.ts';
import { describe, type ModelConfig } from '../model/config.ts';
import { evaluate } from '../model/evaluate.ts';
import type { CompletionSampler } from '../model/sampling.ts';
import { Transformer } from '../model/transformer.ts';
import { resumedCsv } from '../runs/csvPlace.ts';
import { gitCommit, versions } from '../runs/provenance.ts';
import { Run, type RunKind } from '../runs/run.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import { accuracyOf } from '../training/accuracy.ts';
import { EVALUATION_FILE } from '../training/heldOut.ts';
import { settingsEntry, type TrainedSettings } from '../training/trainedSettings.ts';
import { accuracyWithInterval } from './accuracy.ts';
import { type AdapterRecord, deviceText, type Machine, withMachine } from './machine.ts';
import { type MemoryAdvice, Recovery } from './recovery.ts';
import { Reporter } from './reporter.ts';
import { type ResumePoint, resumePoint } from './resumePoint.ts';
import type { RunConfig } from './runConfig.ts';
import { StopRequest } from './stopRequest.ts';
import { printSummary, type Results, summaryOf } from './summary.ts';
import { PRECISIONS, TUNING } from './tuning.ts';
import { type Subject, Workbench } from './workbench.ts';

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

/** Flags of commands that generate much. */
export const generationSchema = z.strictObject({
  generationProcesses: integer(0, 64)
    .optional()
    .describe(
      'processes that generate, each on a device of its own (0 = none; default: for small models on lavapipe one for each core, ' +
        '4 at most, but none with --profile, --debug or --memory_limit)',
    ),
});

/** Flags of every training command. */
export const sessionSchema = z.strictObject({
  keepLast: integer(0, 1_000_000)
    .default(0)
    .describe('checkpoints to keep besides the one with the best accuracy (0 = all)'),
  memoryLimit: integer(1, 1 << 20)
    .optional()
    .describe('most MiB of GPU memory to use (default: what there is)'),
  out: path().optional().describe('directory of the run, new or empty (default: runs/<time>-<kind>)'),
  debug: yesOrNo()
    .default(false)
    .describe('stop at the first op that makes a NaN or an infinity, and name it (several times slower)'),
  tensorboard: yesOrNo()
    .default(false)
    .describe('also write the metrics for TensorBoard, to tensorboard/ in the directory of the run'),
  ...generationSchema.shape,
  ...outputSchema.shape,
});

/** An earlier session of a run. */
export interface EarlierSession {
  readonly directory: string;
  /** The run's config.json. */
  readonly config: RunConfig;
  /** The CSV file to continue instead of the run's own, '' for none. */
  readonly csv?: string | undefined;
  /** The flags of the command that resumes it. */
  readonly flags?: readonly string[];
}

export interface SessionOptions {
  readonly kind: RunKind;
  readonly flags: z.output<typeof sessionSchema>;
  /** All options of the trainers as they are now, for config.json. */
  readonly options: () => Readonly<Record<string, unknown>>;
  /** What the trainers made of options that were not given, for config.json too. */
  readonly derived?: object;
  readonly task: Task;
  readonly seed: number;
  /** What training begins with. */
  readonly model: () => Checkpoint;
  /** Where that was loaded from, if it was. */
  readonly loadedFrom?: string | undefined;
  /** What checkpoints say of this training besides its kind and seed. */
  readonly settings: TrainedSettings;
  /** Lines to begin with. */
  readonly notes?: readonly string[];
  /** Says what trainers advise by what the command takes. */
  readonly advice: (advice: string) => string;
  /** The held-out problems, and the most tokens of an answer to one. */
  readonly problems: readonly TaskProblem[];
  readonly maxGenLen: number;
  /** Also write the metrics as CSV to this path. */
  readonly csv?: string | undefined;
  readonly memory: MemoryAdvice;
  /** The run to go on with, instead of a new one. */
  readonly earlier?: EarlierSession | undefined;
}

/** The work of a session: trains the model on the workbench and reports what came of it. */
export type Training = (bench: Workbench, model: Transformer, sampler: CompletionSampler) => Promise<Results>;

/**
 * Opens the adapter and the run directory, trains, and writes and prints the summary. After Ctrl-C, SIGTERM or SIGHUP the
 * summary says `interrupted`, and `process.exitCode` is the signal's. Goes on from the last checkpoint if the device is
 * lost, and with smaller micro-batches if memory runs out and the options say so.
 * @throws AdapterError, FileError, GpuError
 */
export async function trainingSession(options: SessionOptions, train: Training): Promise<void> {
  const reporter = new Reporter(options.flags);
  const recovery = new Recovery(reporter, options.memory);
  for (let earlier = options.earlier; ; ) {
    const session = new Session({ ...options, earlier }, reporter);
    try {
      return await session.run(train);
    } catch (error) {
      if (!session.record) throw error;
      await recovery.from(error, session);
      earlier = session.record;
    }
  }
}

/** One attempt at a session, on one device. */
class Session {
  /** What another attempt goes on with; undefined before there is a run. */
  record: EarlierSession | undefined;
  device: Device | undefined;
  readonly #options: SessionOptions;
  readonly #reporter: Reporter;
  readonly #resumed: ResumePoint | undefined;

  constructor(options: SessionOptions, reporter: Reporter) {
    this.#options = options;
    this.#reporter = reporter;
    this.#resumed =
      options.earlier &&
      resumePoint(options.earlier.directory, (error) =>
        reporter.line(`warning: ${problemOf(error)}; going back to the checkpoint before it`),
      );
  }

  /** Steps done at the checkpoint that this went on from. */
  get resumedStep(): number {
    return this.#resumed?.step ?? 0;
  }

  async run(train: Training): Promise<void> {
    const { flags, earlier } = this.#options;
    const model = this.#resumed?.model ?? this.#options.model();
    // The same kernels as before, if the adapter is the same.
    const { adapter, kernels } = earlier?.config ?? {};
    const earlierKernels = adapter && kernels && { adapter: adapter.description, choices: kernels };
    const { memoryLimit } = flags;
    const bytes = memoryLimit === undefined ? undefined : memoryLimit * 2 ** 20;
    const machineFlags = { ...flags, memoryLimit: bytes, earlierKernels };
    await withMachine(machineFlags, this.#reporter, [model.config], (machine) =>
      this.#work(machine, model, train),
    );
  }

  async #work(machine: Machine, initial: Checkpoint, train: Training): Promise<void> {
    const { device, adapter } = machine;
    const { flags, kind, task, seed, problems, earlier } = this.#options;
    const [reporter, resumed] = [this.#reporter, this.#resumed];
    this.device = device;
    reporter.line(deviceText(adapter));
    for (const note of this.#options.notes ?? []) reporter.line(note);
    const model = new Transformer(device, initial.config, initial.stateDict);
    this.#announce(initial);
    for (const change of earlier ? changesSince(earlier, adapter) : []) {
      reporter.line(`warning: ${change}; from here on the bits may differ from those of an unbroken run`);
    }
    const sampler = machine.sampler(model, task.tokenizer.eos);
    const config = configOf(this.#options, { model: initial.config, adapter, device, resumed });
    const directory = earlier?.directory ?? flags.out;
    const csv = earlier ? csvOf(earlier) : this.#options.csv;
    if (earlier && csv) reporter.line(`Metrics as CSV: ${csv}`);
    using run = new Run({
      kind,
      config,
      ...(directory === undefined ? {} : { directory }),
      ...(csv ? { csv } : {}),
      tensorboard: flags.tensorboard,
      resume: earlier && { rows: resumed?.session.rows ?? 0 },
    });
    this.record = { directory: run.directory, config };
    if (resumed) run.checkpoints.forgetAfter(resumed.name);
    run.writeLines(EVALUATION_FILE, problems);
    reporter.line(`Run directory: ${run.directory}`);
    using stop = new StopRequest(() => reporter.line('Stopping after this step; once more quits at once'));
    const subject = subjectOf(model, sampler, this.#options);
    const { keepLast } = flags;
    const parts = { task, resumed, keepLast, advice: this.#options.advice };
    const bench = new Workbench(run, reporter, stop, subject, problems, parts);
    const results = await train(bench, model, sampler);
    const [last] = run.checkpoints.entries.slice(-1);
    if (results.final && last) run.checkpoints.offer(last.name, accuracyOf(results.final).accuracy);
    const interrupted = stop.requested;
    const summary = summaryOf(bench, results, {
      kind,
      seed,
      adapter,
      interrupted,
      kernels: Object.fromEntries(device.chosen),
    });
    run.writeJson('summary.json', summary);
    printSummary(reporter, summary, run.directory);
    reporter.document({ directory: run.directory, ...summary });
    if (stop.exitCode !== undefined) process.exitCode = stop.exitCode;
  }

  #announce({ config }: Checkpoint): void {
    const { loadedFrom, earlier } = this.#options;
    const what = describe(config);
    if (this.#resumed) this.#reporter.line(`Going on from ${this.#resumed.name} (${what})`);
    else if (earlier)
      this.#reporter.line(`Beginning again: ${earlier.directory} has no checkpoint yet (${what})`);
    else if (loadedFrom === undefined) this.#reporter.line(`Model created: ${what}`);
    else {
      this.#reporter.line(`Loading checkpoint from ${loadedFrom}`);
      this.#reporter.line(`Model loaded: ${what}`);
    }
  }
}

/** The CSV file that a session continues, if there is one. */
function csvOf({ directory, config, csv }: EarlierSession): string | undefined {
  const { logCsv } = config.options;
  return csv ?? resumedCsv(directory, typeof logCsv === 'string' && logCsv !== '');
}

/** What is not as it was when the run was begun. */
function changesSince({ config: then }: EarlierSession, { description }: AdapterRecord): string[] {
  const now = { ...versions(), adapter: description };
  const before: Readonly<Record<string, string | undefined>> = {
    ...then.versions,
    adapter: then.adapter?.description,
  };
  return Object.entries(now).flatMap(([what, value]) => {
    const former = before[what];
    return former === undefined || former === value
      ? []
      : [printable(`${what} was ${former} and is ${value}`)];
  });
}

function subjectOf(model: Transformer, sampler: CompletionSampler, options: SessionOptions): Subject {
  const { problems, task, maxGenLen, kind, seed, settings } = options;
  return {
    evaluate: (onProgress) => evaluate(sampler, problems, { task, maxNew: maxGenLen, onProgress }),
    checkpoint: async () => ({
      config: model.config,
      stateDict: await model.stateDict(),
      metadata: new Map([
        ['kind', kind],
        ['seed', String(seed)],
        settingsEntry({ ...settings, maxGenLen, evalSize: problems.length }),
      ]),
    }),
  };
}

interface ConfigContext {
  readonly model: ModelConfig;
  readonly adapter: AdapterRecord;
  readonly device: Device;
  readonly resumed: ResumePoint | undefined;
}

/** What config.json says: of an earlier session's all that stays, and one line for each time it was gone on with. */
function configOf(options: SessionOptions, { model, adapter, device, resumed }: ConfigContext): RunConfig {
  const { kind, derived, loadedFrom, problems, maxGenLen, earlier } = options;
  // Every session has to be trusted anew.
  const { trust: _, ...given } = options.options();
  const now = {
    adapter: { ...adapter },
    kernels: device.choices,
    versions: { ...versions() },
    gitCommit: gitCommit(),
  };
  if (earlier) {
    const { resumed: before = [], ...first } = earlier.config;
    const line = { at: new Date().toISOString(), step: resumed?.step ?? 0, ...now };
    return { ...first, options: given, resumed: [...before, line] };
  }
  return {
    kind,
    startedAt: new Date().toISOString(),
    options: given,
    ...(derived && { derived }),
    model,
    checkpoint: loadedFrom ?? null,
    evaluation: { problems: problems.length, maxGenLen },
    ...now,
  };
}

/**
 * Evaluates under a name and prints the line for it; null if a stop was requested. A baseline that an earlier session
 * of the run evaluated is taken from there.
 */
export async function judge(
  bench: Workbench,
  name: 'baseline' | 'final',
): Promise<readonly boolean[] | null> {
  if (bench.stop.requested) return null;
  const correct = (name === 'baseline' && bench.earlier(name)) || (await bench.evaluate(name));
  if (correct) {
    const label = name === 'baseline' ? 'Baseline' : 'Final';
    bench.reporter.line(`${label}: ${accuracyWithInterval(accuracyOf(correct))}`);
  }
  return correct;
}
