/** A session of training: a machine, a model on it, and a run that is new or resumed. */
import { RandomStream } from '../base/randomStream.ts';
import type { ClusterFigures } from '../cluster/trainer/metrics.ts';
import type { Checkpoint } from '../formats/index.ts';
import { otherStaleness } from '../grpo/staleRollouts.ts';
import type { CompletionSampler } from '../model/completions.ts';
import type { ModelConfig } from '../model/config.ts';
import { evaluate } from '../model/evaluate.ts';
import { Transformer } from '../model/transformer.ts';
import { checkedTask } from '../tasks/checked.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import { accuracyOf } from './accuracy.ts';
import type { Listener, ModelOrigin } from './events.ts';
import { EVALUATION_FILE, heldOutOfRun } from './heldOut.ts';
import type { Machine, OpenMachine } from './machine.ts';
import type { Attempt } from './recovery.ts';
import type { RunConfig, RunKind } from './runConfig.ts';
import type { Awaitable, ResumePoint, Store, StoredRun } from './store.ts';
import { type Results, type Summary, summaryOf } from './summary.ts';
import { settingsEntry, type TrainedSettings } from './trainedSettings.ts';
import { type Subject, TrainingRun } from './trainingRun.ts';

/** Surroundings of a session. */
export interface SessionContext {
  /** Keeps the run. A run that it holds already is resumed. */
  readonly store: Store;
  readonly openMachine: OpenMachine;
  /** Hears what happens. */
  readonly on?: Listener | undefined;
  /** Asks to stop: the step at hand is finished and saved, and the run can be resumed. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Asked after every step: true saves a checkpoint there, which stays until the next one. A page pauses at the event of
   * that checkpoint, and the run resumes there after a reload.
   */
  readonly wantsCheckpoint?: (() => boolean) | undefined;
  /** The time by `performance.now()` from which the summary counts seconds; the call of the session unless given. */
  readonly startedAt?: number | undefined;
}

/** Options of every kind of session. */
export interface SessionOptions {
  readonly task: Task;
  /** Make or load the model to begin with; it is not called if the run is resumed from a checkpoint. */
  readonly model: () => Awaitable<Checkpoint>;
  /** The path that the model is loaded from, if it is. */
  readonly loadedFrom?: string | undefined;
  /** Held-out problems to evaluate on. Default: 100. */
  readonly evalSize?: number | undefined;
  /** Checkpoints to keep besides the one with the best accuracy; 0, the default, keeps all. */
  readonly keepLast?: number | undefined;
  /** Options for config.json: all that `mathformer resume` needs. Default: those of the trainer, of the session, and of the task. */
  readonly recorded?: Readonly<Record<string, unknown>> | undefined;
  /** The task and its settings for the metadata of checkpoints; default: its name. */
  readonly taskSettings?: TrainedSettings | undefined;
}

/** A session that is about to be opened. */
export interface SessionPlan extends SessionOptions {
  readonly kind: RunKind;
  readonly seed: number;
  readonly maxNewTokens: number;
  readonly evalSize: number;
  readonly problems: readonly TaskProblem[];
  /** Options for config.json. */
  readonly recorded: Readonly<Record<string, unknown>>;
  /** Values of options that were derived from others, for config.json. */
  readonly derived?: object | undefined;
  /** Settings for the metadata of checkpoints. */
  readonly settings: TrainedSettings;
  readonly startedAt: number;
  /** Steps between the weights that sample and those that learn, in GRPO. A run keeps it: its checkpoints hold the weights. */
  readonly staleness?: number;
}

/** @throws MathformerError, or what the task throws, if there is nothing to train on: then no run has begun. */
export function checkTrainable(task: Task): void {
  checkedTask(task).draw(new RandomStream({ seed: 0, stream: 0 }), task.levels.length - 1);
}

/**
 * Take the problems that the run in a store is evaluated on, or those of the task for a new run.
 * @throws as `checkTrainable` does
 */
export async function problemsFor(
  store: Store,
  { task, evalSize }: { readonly task: Task; readonly evalSize: number },
): Promise<readonly TaskProblem[]> {
  checkTrainable(task);
  const isBegun = (await store.config()) !== undefined;
  const text = isBegun ? await store.readText(EVALUATION_FILE) : undefined;
  return heldOutOfRun(
    task,
    evalSize,
    text === undefined ? undefined : { text, path: store.path(EVALUATION_FILE) },
  );
}

/** An open session. Disposing of it closes the run and the machine. */
export class Session implements AsyncDisposable {
  constructor(
    readonly run: TrainingRun,
    readonly model: Transformer,
    readonly sampler: CompletionSampler,
    private readonly machine: Machine,
    private readonly plan: SessionPlan,
  ) {}

  /** Return the figures of the work on other machines since the last call; undefined for a machine that works alone. */
  readonly figures = (): ClusterFigures | undefined => this.machine.figures?.();

  /** Make a sampler of completions of the run's task. */
  readonly samplerOf = (model: Transformer): CompletionSampler =>
    this.machine.sampler(model, this.plan.task.tokenizer.eos);

  /** Write the summary. */
  async finish(results: Results): Promise<Summary> {
    const { run, plan, machine } = this;
    const { store } = run;
    const [last] = store.checkpoints.entries.slice(-1);
    if (results.final && last) await store.checkpoints.offer(last.name, accuracyOf(results.final).accuracy);
    const { adapter, device, provenance } = machine;
    const summary = summaryOf(store.checkpoints, results, {
      kind: plan.kind,
      seed: plan.seed,
      adapter,
      gitCommit: provenance.gitCommit,
      interrupted: run.isStopped,
      seconds: (performance.now() - plan.startedAt) / 1000,
      kernels: Object.fromEntries(device.chosen),
    });
    await store.writeJson('summary.json', summary);
    await run.emit({ type: 'end', directory: store.directory, summary });
    return summary;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.run.store.close();
    } finally {
      await this.machine[Symbol.asyncDispose]();
    }
  }
}

/** Open the machine, and the run: a new one, or the one that the store holds. @throws MathformerError */
export async function openSession(
  plan: SessionPlan,
  context: SessionContext,
  attempt: Attempt,
): Promise<Session> {
  const { store, openMachine, on, signal, wantsCheckpoint } = context;
  const earlier = await store.config();
  const damage: string[] = [];
  const resumed = earlier && (await store.resumePoint((problem) => damage.push(problem)));
  for (const problem of damage) await on?.({ type: 'damage', problem });
  if (resumed) checkStaleness(plan, resumed);
  const initial = resumed?.model ?? (await plan.model());
  const machine = await openMachine({
    model: initial.config,
    eos: plan.task.tokenizer.eos,
    kernels: kernelsOf(earlier),
  });
  let opened: StoredRun | undefined;
  try {
    const { device, adapter, provenance } = machine;
    attempt.device = device;
    await on?.({ type: 'machine', adapter });
    const { problems, evalSize } = plan;
    if (problems.length < evalSize) await on?.({ type: 'shortage', found: problems.length, asked: evalSize });
    const model = new Transformer(device, initial.config, initial.stateDict);
    await on?.({ type: 'model', config: model.config, origin: originOf(plan, store, resumed, earlier) });
    for (const change of changesSince(earlier, machine)) await on?.({ type: 'change', ...change });
    const sampler = machine.sampler(model, plan.task.tokenizer.eos);
    const now = { adapter: { ...adapter }, kernels: device.choices, ...provenance };
    const config = configOf(plan, now, initial.config, earlier, resumed);
    opened = await store.open(config, earlier && { rows: resumed?.session.rows ?? 0 });
    attempt.resumedStep = resumed?.step ?? 0;
    if (resumed) await opened.checkpoints.forgetAfter(resumed.name);
    await opened.writeLines(EVALUATION_FILE, problems);
    await on?.({ type: 'run', directory: opened.directory });
    const { task, keepLast = 0 } = plan;
    const subject = subjectOf(model, sampler, plan);
    const run = new TrainingRun(opened, {
      ...{ task, problems, subject, resumed, keepLast, on, signal, wantsCheckpoint },
    });
    return new Session(run, model, sampler, machine, plan);
  } catch (error) {
    await opened?.close();
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

/** @throws MathformerError if the run began with another staleness. Nothing of the run has changed then. */
function checkStaleness({ staleness = 0 }: SessionPlan, { session, state }: ResumePoint): void {
  const saved = state.versions?.length ?? 0;
  if (session.phase === 'grpo' && saved !== staleness) throw otherStaleness(saved, staleness);
}

/** The kernels that the run began with. */
function kernelsOf(earlier: RunConfig | undefined) {
  const { adapter, kernels: choices } = earlier ?? {};
  return adapter && choices && { adapter: adapter.description, choices };
}

function originOf(
  { loadedFrom }: SessionPlan,
  store: Store,
  resumed: ResumePoint | undefined,
  earlier: RunConfig | undefined,
): ModelOrigin {
  if (resumed) return { kind: 'resumed', name: resumed.name };
  if (earlier) return { kind: 'restarted', name: store.path('') };
  return loadedFrom === undefined ? { kind: 'created' } : { kind: 'loaded', name: loadedFrom };
}

/** Compare the versions and the adapter with those that the run began with. */
function changesSince(earlier: RunConfig | undefined, { adapter, provenance }: Machine) {
  if (earlier === undefined) return [];
  const now = { ...provenance.versions, adapter: adapter.description };
  const former: Readonly<Record<string, string | undefined>> = {
    ...earlier.versions,
    adapter: earlier.adapter?.description,
  };
  return Object.entries(now).flatMap(([name, value]) => {
    const before = former[name];
    return before === undefined || before === value ? [] : [{ name, before, now: value }];
  });
}

function subjectOf(model: Transformer, sampler: CompletionSampler, plan: SessionPlan): Subject {
  const { problems, task, maxNewTokens, kind, seed, settings } = plan;
  return {
    evaluate: (onProgress) => evaluate(sampler, problems, { task, maxNewTokens, onProgress }),
    checkpoint: async () => ({
      config: model.config,
      stateDict: await model.stateDict(),
      metadata: new Map([
        ['kind', kind],
        ['seed', String(seed)],
        settingsEntry({ ...settings, maxNewTokens, evalSize: problems.length }),
      ]),
    }),
  };
}

/** Make config.json: the first session's config with the present options, plus one `resumed` entry per resume. */
function configOf(
  { kind, recorded, derived, loadedFrom, problems, maxNewTokens }: SessionPlan,
  now: Readonly<Record<string, unknown>>,
  model: ModelConfig,
  earlier: RunConfig | undefined,
  resumed: ResumePoint | undefined,
): RunConfig {
  const at = new Date().toISOString();
  if (earlier) {
    const { resumed: before = [], ...first } = earlier;
    const entry = { at, step: resumed?.step ?? 0, ...now };
    return { ...first, options: recorded, resumed: [...before, entry] };
  }
  return {
    kind,
    startedAt: at,
    options: recorded,
    ...(derived && { derived }),
    model,
    checkpoint: loadedFrom ?? null,
    evaluation: { problems: problems.length, maxNewTokens },
    ...now,
  };
}
