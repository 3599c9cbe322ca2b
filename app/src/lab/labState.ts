/** The state of the Lab: signals that the events of a training change. */
import { computed, signal } from '@preact/signals';
import type { Accuracy, StepTrace, TrainingEvent } from 'mathformer/training';
import type { PlainFailure } from '../data/plainFailure.ts';
import type { AdapterInUse, LiveAnswer } from './protocol.ts';

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

export class LabState {
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
  readonly failure = signal<PlainFailure>();
  readonly evaluating = signal<{ readonly done: number; readonly total: number }>();
  readonly question = signal('');
  readonly unasked = signal<string>();
  readonly answers = signal<readonly LiveAnswer[]>([]);
  readonly ownFile = signal<OwnFile>();
  /** The browser keeps no files for this page. */
  readonly isUnkept = signal(false);
  /** The settings that the run was begun with, as JSON of the address's parameters; undefined for a run from elsewhere. */
  readonly address = signal<string>();
  /** The run is of an earlier visit, of another tab, or from files: this page does not know how long it has trained. */
  readonly isReopened = signal(false);
  /** No run was begun: one may begin with other settings. */
  readonly isIdle = computed(() => this.id.value === undefined && this.status.value !== 'training');

  /** Take an event of the training. */
  happened(event: TrainingEvent): void {
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
        this.notice({ kind: 'warning', title: `Step ${event.step}: ${event.problem}`, fix: event.fix });
        break;
      case 'damage':
        this.notice({ kind: 'warning', title: event.problem, fix: 'The checkpoint before it is taken.' });
        break;
      case 'recovery':
        this.notice({
          kind: 'info',
          title: event.problem,
          fix: 'Training goes on from the last checkpoint.',
        });
        break;
      case 'change':
        this.notice({
          kind: 'info',
          title: `${event.name} is now ${event.now}; the run began with ${event.before}`,
          fix: 'The last digits of results may differ.',
        });
        break;
      default:
        break;
    }
  }

  /** Take an answer to the question. */
  answered(answer: LiveAnswer): void {
    this.unasked.value = undefined;
    this.answers.value = [...this.answers.value, answer].slice(-KEPT_ANSWERS);
  }

  /** Show a message; one of the same title goes. */
  notice(notice: LabNotice): void {
    const others = this.notices.value.filter(({ title }) => title !== notice.title);
    this.notices.value = [...others, notice].slice(-KEPT_NOTICES);
  }

  /** Show no run. */
  clear(): void {
    this.status.value = 'idle';
    this.isPausing.value = false;
    for (const each of [
      this.id,
      this.keptId,
      this.address,
      this.steps,
      this.accuracy,
      this.baseline,
      this.adapter,
      this.trace,
    ]) {
      each.value = undefined;
    }
    this.isReopened.value = false;
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
