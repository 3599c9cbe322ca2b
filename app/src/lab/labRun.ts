/** The run of the Lab, as the page sees it. It goes on while other pages are shown. */
import { computed, signal } from '@preact/signals';
import {
  type Accuracy,
  accuracyOf,
  FileStore,
  listingOf,
  METRICS_FILE,
  type MetricsRow,
  readTrace,
  rowsOf,
  type StepTrace,
  type TrainingEvent,
  traceFile,
} from 'mathformer/training';
import { announce } from '../ui/live.tsx';
import { filesOfRun, newRunId, removeRun, runsDirectory } from './labFiles.ts';
import type { AdapterInUse, Failure, LabCommand, LabReport, LiveAnswer, NewRun, Start } from './protocol.ts';
import { forgetRun, rememberedRun, rememberRun } from './rememberedRun.ts';
import { fieldsOf, parametersOf, recipeOf, type Settings, valueIn } from './settings.ts';

export type LabStatus = 'idle' | 'training' | 'paused' | 'finished' | 'failed';

/** A message about the run. */
export interface LabNotice {
  readonly kind: 'info' | 'warning';
  readonly title: string;
  readonly fix?: string;
}

/** Answers that are kept for the history. */
const KEPT_ANSWERS = 400;
/** Messages that are kept. */
const KEPT_NOTICES = 4;

/** A checkpoint file of the person. */
export interface OwnFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export class LabRun {
  readonly status = signal<LabStatus>('idle');
  /** The step at hand is being finished before the pause. */
  readonly isPausing = signal(false);
  readonly id = signal<string>();
  /** The run as the browser keeps it, once its first file is there. */
  readonly keptId = signal<string>();
  readonly phase = signal('');
  readonly step = signal(0);
  readonly steps = signal<number>();
  readonly row = signal<Readonly<Record<string, unknown>>>({});
  readonly accuracy = signal<Accuracy>();
  readonly baseline = signal<Accuracy>();
  readonly adapter = signal<AdapterInUse>();
  readonly trace = signal<StepTrace>();
  readonly notices = signal<readonly LabNotice[]>([]);
  readonly failure = signal<Failure>();
  readonly evaluating = signal<{ readonly done: number; readonly total: number }>();
  readonly question = signal('');
  readonly unasked = signal<string>();
  readonly answers = signal<readonly LiveAnswer[]>([]);
  readonly ownFile = signal<OwnFile>();
  /** The browser keeps no files for this page. */
  readonly isUnkept = signal(false);
  readonly isIdle = computed(() => this.status.value === 'idle');

  #worker: Worker | undefined;
  #startedAt = 0;
  /** Seconds of training before the last start. */
  #seconds = 0;

  /** Seconds that the run has trained in this page. */
  get seconds(): number {
    const isTraining = this.status.peek() === 'training';
    return this.#seconds + (isTraining ? (performance.now() - this.#startedAt) / 1000 : 0);
  }

  /** Begin the run, or go on with it. @param steps after which to pause; null for none. */
  async start(settings: Settings, steps: number | null): Promise<void> {
    const before = this.status.value;
    if (before === 'training' || before === 'finished') return;
    this.failure.value = undefined;
    this.#training();
    try {
      if (before === 'paused' && this.#worker) this.#send({ type: 'continue', steps });
      else if (this.id.value === undefined) await this.#begin(settings, steps);
      else this.#train(this.id.value, null, settings, steps);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#failed({ code: 'UNKNOWN', problem, fix: 'Check the connection, and press Start again.' });
    }
  }

  /** Pause once the step at hand is saved. */
  pause(): void {
    if (this.status.value !== 'training') return;
    this.isPausing.value = true;
    this.#send({ type: 'pause' });
  }

  /** Ask another question from now on. */
  ask(question: string): void {
    this.question.value = question;
    this.unasked.value = undefined;
    this.#send({ type: 'ask', question });
  }

  /** End the run. @param keep leave its files among the runs. */
  async reset(keep: boolean): Promise<void> {
    const id = this.id.value;
    this.#worker?.terminate();
    this.#worker = undefined;
    forgetRun();
    this.#clear();
    if (id !== undefined && !keep && !this.isUnkept.value) await removeRun(await runsDirectory(), id);
  }

  /** Find the run of an earlier visit, if the address asks for the same settings or for none. */
  async restore(settings: Settings, isPlain: boolean): Promise<void> {
    if (this.id.value !== undefined) return;
    const kept = rememberedRun();
    if (!kept || (!isPlain && kept.address !== addressOf(settings))) return;
    await this.open(kept.id);
  }

  /** Show a run that this browser keeps: paused at its last checkpoint, or finished. */
  async open(id: string): Promise<void> {
    const files = filesOfRun(await runsDirectory(), id);
    const listing = await listingOf(id, files);
    if (listing.kind === null) return forgetRun();
    this.#clear();
    this.id.value = id;
    this.keptId.value = id;
    this.steps.value = listing.steps ?? undefined;
    try {
      const point = await new FileStore(files, { name: id }).resumePoint((problem) =>
        this.#notice({ kind: 'warning', title: problem, fix: 'The checkpoint before it is taken.' }),
      );
      this.step.value = point?.step ?? 0;
      this.phase.value = point?.session.phase ?? '';
      const rows = rowsOf((await files.read(METRICS_FILE)) ?? new Uint8Array()).rows.slice(
        0,
        point?.session.rows ?? 0,
      );
      this.row.value = rows.at(-1) ?? {};
      this.accuracy.value = latestAccuracy(rows, listing.baseline);
      const trace = await files.read(traceFile(this.step.value));
      this.trace.value = trace && readTrace(trace, traceFile(this.step.value));
    } catch (error) {
      return this.#failed({
        code: 'DAMAGED',
        problem: String(error instanceof Error ? error.message : error),
        fix: '',
      });
    }
    this.baseline.value = listing.baseline ?? undefined;
    if (listing.final) this.accuracy.value = listing.final;
    this.status.value = listing.state === 'finished' ? 'finished' : 'paused';
  }

  async #begin(settings: Settings, steps: number | null): Promise<void> {
    const { start, name } = await this.#startOf(settings);
    const id = newRunId(settings.preset.id);
    this.id.value = id;
    rememberRun({ id, address: addressOf(settings) });
    this.#train(id, { recipe: recipeOf(settings, name), start }, settings, steps);
  }

  async #startOf(settings: Settings): Promise<{ readonly start: Start; readonly name: string | null }> {
    const { start } = settings.preset;
    if (start.from === 'new') {
      const seed = fieldsOf(settings).find(({ option }) => option.key === 'seed');
      const value = seed && valueIn(settings, seed);
      return {
        start: { from: 'new', size: 'tiny', seed: typeof value === 'number' ? value : 0 },
        name: null,
      };
    }
    if (start.from === 'file') {
      const file = this.ownFile.value;
      if (!file) throw new Error('There is no checkpoint yet: choose a file first.');
      return { start: { from: 'file', ...file }, name: file.name };
    }
    const address = new URL(`checkpoints/${start.file}`, document.baseURI);
    const response = await fetch(address);
    if (!response.ok) throw new Error(`The checkpoint ${start.file} is not there (${response.status}).`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { start: { from: 'file', name: start.file, bytes }, name: start.file };
  }

  #train(id: string, begin: NewRun | null, settings: Settings, steps: number | null): void {
    this.#worker?.terminate();
    this.#worker = new Worker(new URL('./labWorker.ts', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data }: MessageEvent<LabReport>) => this.#hear(data);
    this.#worker.onerror = (event) => {
      const problem = event.message || 'The part of the page that trains could not be loaded';
      this.#failed({ code: 'WORKER', problem, fix: 'Load the page again, and press Start.' });
    };
    const question = this.question.value;
    this.#send({ type: 'train', id, begin, adapter: settings.adapter, steps, question });
  }

  #send(command: LabCommand): void {
    this.#worker?.postMessage(command);
  }

  #hear(report: LabReport): void {
    switch (report.type) {
      case 'adapter':
        this.adapter.value = report.adapter;
        break;
      case 'training':
        break;
      case 'paused':
        this.#stopped('paused');
        announce(`Paused at step ${this.step.value}`);
        break;
      case 'finished':
        this.#stopped('finished');
        announce('Training has finished');
        break;
      case 'failed':
        this.#failed(report.failure);
        break;
      case 'unasked':
        if (report.question === this.question.value.trim()) this.unasked.value = report.problem;
        break;
      case 'answer':
        this.unasked.value = undefined;
        this.answers.value = [...this.answers.value, report.answer].slice(-KEPT_ANSWERS);
        break;
      case 'unkept':
        this.isUnkept.value = true;
        this.#notice({
          kind: 'warning',
          title: `The browser keeps no files for this page (${report.problem})`,
          fix: 'Training works, but the run is lost with this tab: leave the private window to keep it.',
        });
        break;
      case 'event':
        this.#happened(report.event);
        break;
      default:
        report satisfies never;
    }
  }

  #happened(event: TrainingEvent): void {
    switch (event.type) {
      case 'run':
        if (!this.isUnkept.value) this.keptId.value = this.id.value;
        break;
      case 'phase':
        this.phase.value = event.phase;
        this.step.value = event.from;
        this.steps.value = event.steps;
        this.evaluating.value = undefined;
        break;
      case 'step':
        this.step.value = event.step;
        this.row.value = event.metrics;
        this.evaluating.value = undefined;
        break;
      case 'trace':
        this.trace.value = event.trace;
        break;
      case 'evaluating':
        this.evaluating.value =
          event.done < event.total ? { done: event.done, total: event.total } : undefined;
        break;
      case 'evaluation':
        if (event.at === 'baseline') this.baseline.value = event.accuracy;
        this.accuracy.value = event.accuracy;
        break;
      case 'warning':
        this.#notice({ kind: 'warning', title: `Step ${event.step}: ${event.problem}`, fix: event.fix });
        break;
      case 'damage':
        this.#notice({ kind: 'warning', title: event.problem, fix: 'The checkpoint before it is taken.' });
        break;
      case 'recovery':
        this.#notice({
          kind: 'info',
          title: event.problem,
          fix: 'Training goes on from the last checkpoint.',
        });
        break;
      case 'change':
        this.#notice({
          kind: 'info',
          title: `${event.name} is now ${event.now}; the run began with ${event.before}`,
          fix: 'The last digits of results may differ.',
        });
        break;
      default:
        break;
    }
  }

  #notice(notice: LabNotice): void {
    const others = this.notices.value.filter(({ title }) => title !== notice.title);
    this.notices.value = [...others, notice].slice(-KEPT_NOTICES);
  }

  #training(): void {
    this.#startedAt = performance.now();
    this.status.value = 'training';
  }

  #stopped(status: LabStatus): void {
    this.#seconds = this.seconds;
    this.isPausing.value = false;
    this.evaluating.value = undefined;
    this.status.value = status;
  }

  #failed(failure: Failure): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.failure.value = failure;
    this.#stopped('failed');
  }

  #clear(): void {
    this.#seconds = 0;
    this.status.value = 'idle';
    this.isPausing.value = false;
    for (const each of [
      this.id,
      this.keptId,
      this.steps,
      this.accuracy,
      this.baseline,
      this.adapter,
      this.trace,
    ]) {
      each.value = undefined;
    }
    this.failure.value = undefined;
    this.evaluating.value = undefined;
    this.unasked.value = undefined;
    this.phase.value = '';
    this.step.value = 0;
    this.row.value = {};
    this.answers.value = [];
    this.notices.value = [];
  }
}

/** Return the accuracy of the last evaluated row, or the one before training. */
function latestAccuracy(rows: readonly MetricsRow[], baseline: Accuracy | null): Accuracy | undefined {
  const share = rows.findLast(({ eval_accuracy }) => typeof eval_accuracy === 'number')?.eval_accuracy;
  if (!baseline || typeof share !== 'number') return baseline ?? undefined;
  const correct = Math.round(share * baseline.total);
  return accuracyOf(Array.from({ length: baseline.total }, (_, i) => i < correct));
}

const addressOf = (settings: Settings): string => JSON.stringify(parametersOf(settings));

/** The one run of this page. */
export const lab = new LabRun();
