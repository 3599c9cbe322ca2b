/** Prints the events of a training session. */
import { printable } from '../formats/error.ts';
import { describe } from '../model/config.ts';
import type { ModelOrigin, TrainingEvent } from '../training/events.ts';
import type { PhaseName } from '../training/sessionState.ts';
import type { Summary } from '../training/summary.ts';
import { accuracyText, accuracyWithInterval, improvementText } from './accuracyText.ts';
import { deviceText } from './commandMachine.ts';
import { shortageText } from './evaluationProblems.ts';
import { invocation } from './invocation.ts';
import { duration, type Progress, type ProgressValues, type Reporter } from './reporter.ts';
import { samplesTable } from './samplesTable.ts';

/** Labels of the phases, and the metrics that are shown beside the progress. */
const PHASES: Readonly<Record<PhaseName, { readonly label: string; readonly shown: readonly string[] }>> = {
  pretrain: { label: 'Pretraining', shown: ['loss', 'lr'] },
  grpo: { label: 'GRPO', shown: ['loss', 'reward', 'kl'] },
};

/** Words that the session does not know. */
export interface TerminalOptions {
  /** Lines below the one that names the device. */
  readonly notes?: readonly string[];
  /** Words advice in flags of the command; unchanged unless given. */
  readonly advice?: (advice: string) => string;
  readonly csv?: () => string | undefined;
  /** Tells whether the run was there before. */
  readonly isResumed?: boolean;
}

export class TrainingTerminal {
  #progress: Progress | undefined;
  #evaluating: Progress | undefined;
  #hasRun = false;

  constructor(
    private readonly reporter: Reporter,
    private readonly options: TerminalOptions = {},
  ) {}

  /** Tells whether a run was opened: after a failure there is something to resume. */
  get hasRun(): boolean {
    return this.#hasRun;
  }

  /** Print an event. */
  hear(event: TrainingEvent): void {
    const { reporter } = this;
    const { advice = (text) => text, notes = [] } = this.options;
    if (event.type !== 'evaluating') this.#stopEvaluating();
    switch (event.type) {
      case 'damage':
        reporter.line(`warning: ${event.problem}; going back to the checkpoint before it`);
        break;
      case 'machine':
        for (const line of [deviceText(event.adapter), ...notes]) reporter.line(line);
        break;
      case 'shortage':
        reporter.line(shortageText(event.found));
        break;
      case 'model':
        for (const line of modelLines(event.origin, describe(event.config))) reporter.line(line);
        break;
      case 'change': {
        const change = printable(`${event.name} was ${event.before} and is ${event.now}`);
        const bits = 'from here on the bits may differ from those of an unbroken run';
        reporter.line(`warning: ${change}; ${bits}`);
        break;
      }
      case 'run':
        this.#beginRun(event.directory);
        break;
      case 'phase':
        this.#beginPhase(event);
        break;
      case 'step':
        this.#progress?.update(event.step, shown(event));
        break;
      case 'warning':
        reporter.line(`warning: step ${event.step}: ${event.problem} — ${advice(event.fix)}`);
        break;
      case 'samples':
        reporter.note(`Samples of step ${event.step}:`);
        for (const line of samplesTable(event.rows)) reporter.note(line);
        break;
      case 'evaluating':
        if (this.#evaluating) this.#evaluating.update(event.done);
        else this.#evaluating = reporter.bar('Evaluating', event.total);
        break;
      case 'evaluation':
        this.#tellEvaluation(event);
        break;
      case 'recovery':
        this.stop();
        reporter.line(`warning: ${event.problem}; ${recoveryText(event.microBatchTokens)}`);
        break;
      case 'end':
        this.stop();
        printSummary(reporter, event.summary, event.directory);
        reporter.document({ directory: event.directory, ...event.summary });
        break;
      case 'trace':
      case 'row':
      case 'checkpoint':
        break;
      default:
        event satisfies never;
    }
  }

  /** Take away what still moves. */
  stop(): void {
    this.#stopEvaluating();
    this.#progress?.stop();
    this.#progress = undefined;
  }

  #stopEvaluating(): void {
    this.#evaluating?.stop();
    this.#evaluating = undefined;
  }

  #beginRun(directory: string): void {
    const csv = this.options.csv?.();
    const isResumed = this.options.isResumed || this.#hasRun;
    if (isResumed && csv) this.reporter.line(`Metrics as CSV: ${csv}`);
    this.#hasRun = true;
    this.reporter.line(`Run directory: ${directory}`);
  }

  #beginPhase({ phase, from, steps }: Extract<TrainingEvent, { type: 'phase' }>): void {
    this.stop();
    const { label } = PHASES[phase];
    this.#progress = this.reporter.progress(label, { from, total: steps, unit: 'steps' });
    if (from >= steps) this.reporter.line(`${label}: all ${steps} steps are taken; --steps can give more`);
  }

  #tellEvaluation({ at, accuracy }: Extract<TrainingEvent, { type: 'evaluation' }>): void {
    if (typeof at === 'number') {
      this.reporter.note(`Step ${at} Eval: ${accuracyText(accuracy)}`);
      return;
    }
    this.reporter.line(`${at === 'baseline' ? 'Baseline' : 'Final'}: ${accuracyWithInterval(accuracy)}`);
  }
}

function modelLines(origin: ModelOrigin, model: string): string[] {
  switch (origin.kind) {
    case 'created':
      return [`Model created: ${model}`];
    case 'loaded':
      return [`Loading checkpoint from ${origin.name}`, `Model loaded: ${model}`];
    case 'resumed':
      return [`Going on from ${origin.name} (${model})`];
    case 'restarted':
      return [`Beginning again: ${origin.name} has no checkpoint yet (${model})`];
    default:
      return origin satisfies never;
  }
}

/** Pick the metrics to show; one that was not measured, such as the KL without a reference, is left out. */
function shown({ phase, metrics }: Extract<TrainingEvent, { type: 'step' }>): ProgressValues {
  const values = PHASES[phase].shown.map((name) => [name, metrics[name] ?? Number.NaN] as const);
  return Object.fromEntries(values.filter(([, value]) => phase === 'pretrain' || !Number.isNaN(value)));
}

function recoveryText(microBatchTokens: number | undefined): string {
  return microBatchTokens === undefined
    ? 'opening another one and going on from the last checkpoint'
    : `going on from the last checkpoint with --micro_batch_tokens ${microBatchTokens}`;
}

/** Print what was gained and saved, and how to resume if it was interrupted. */
export function printSummary(reporter: Reporter, summary: Summary, directory: string): void {
  const { improvement, best, checkpoint, interrupted, seconds, tokensPerSecond } = summary;
  if (improvement) reporter.line(`Improvement: ${improvementText(improvement)}`);
  if (best && summary.final && best.accuracy > summary.final.accuracy) {
    reporter.line(`Best: ${(100 * best.accuracy).toFixed(2)}% after step ${best.step}, ${best.checkpoint}`);
  }
  const what = interrupted ? 'Interrupted; saved the model' : 'Saved final model';
  if (checkpoint !== null) reporter.line(`${what} to ${checkpoint}`);
  else if (interrupted) reporter.line('Interrupted before the first step');
  if (interrupted) reporter.line(`Go on with: ${invocation('train', ['resume', directory])}`);
  reporter.line(`Took ${duration(seconds)}, ${Math.round(tokensPerSecond)} tokens/s in training`);
}
