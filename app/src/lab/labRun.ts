/** The run of the Lab, as the page sees it. It goes on while other pages are shown. */
import { listingOf, type RunListing } from 'mathformer/training';
import type { PlainFailure } from '../data/plainFailure.ts';
import { announce } from '../ui/live.tsx';
import { type KeptRun, keptRun } from './keptRun.ts';
import { filesOfRun, newRunId, removeRun, runsDirectory } from './labFiles.ts';
import { LabState, type LabStatus } from './labState.ts';
import type { LabCommand, LabReport, NewRun, Start } from './protocol.ts';
import { forgetRun, rememberedRun, rememberRun } from './rememberedRun.ts';
import { addressOf, fieldsOf, recipeOf, type Settings, valueIn } from './settings.ts';

export class LabRun extends LabState {
  #worker: Worker | undefined;
  #startedAt = 0;
  /** Counts what the person began: what an earlier turn brings late is left out. */
  #turn = 0;
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
    const turn = ++this.#turn;
    this.failure.value = undefined;
    this.#training();
    try {
      if (before === 'paused' && this.#worker) this.#send({ type: 'continue', steps });
      else if (this.id.value === undefined) await this.#begin(settings, steps, turn);
      else this.#train(this.id.value, null, settings, steps);
    } catch (error) {
      if (turn !== this.#turn) return;
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
    this.#turn++;
    forgetRun();
    this.#clear();
    if (id === undefined || keep || this.isUnkept.value) return;
    try {
      await removeRun(await runsDirectory(), id);
    } catch {
      const title = `The run ${id} could not be deleted: it stays in Runs`;
      this.notice({ kind: 'warning', title, fix: 'Another tab may train it.' });
    }
  }

  /** Find the run of an earlier visit, if the address asks for the same settings or for none. */
  async restore(settings: Settings, isPlain: boolean): Promise<void> {
    if (this.id.value !== undefined || !this.isIdle.value) return;
    const kept = rememberedRun();
    if (!kept || (!isPlain && kept.address !== addressOf(settings))) return;
    await this.open(kept.id);
    if (this.id.value === kept.id) this.address.value = kept.address;
  }

  /** Show a run that this browser keeps: paused at its last checkpoint, or finished. */
  async open(id: string): Promise<void> {
    const turn = ++this.#turn;
    const files = filesOfRun(await runsDirectory(), id);
    const listing = await listingOf(id, files);
    const found = await keptRun(files, listing).catch((error: unknown) => ({ error }));
    if (turn !== this.#turn) return;
    if (listing.kind === null) return forgetRun();
    this.#clear();
    this.id.value = id;
    this.isReopened.value = true;
    this.keptId.value = id;
    this.steps.value = listing.steps ?? undefined;
    if (!('error' in found)) return this.#show(found, listing);
    const { error } = found;
    this.#failed({
      code: 'DAMAGED',
      problem: error instanceof Error ? error.message : String(error),
      fix: '',
    });
  }

  #show({ damages, ...kept }: KeptRun, { baseline, state }: RunListing): void {
    this.step.value = kept.step;
    this.phase.value = kept.phase;
    this.row.value = kept.row;
    this.accuracy.value = kept.accuracy;
    this.trace.value = kept.trace;
    this.baseline.value = baseline ?? undefined;
    for (const title of damages) {
      this.notice({ kind: 'warning', title, fix: 'The checkpoint before it is taken.' });
    }
    this.status.value = state === 'finished' ? 'finished' : 'paused';
  }

  async #begin(settings: Settings, steps: number | null, turn: number): Promise<void> {
    const { start, name } = await this.#startOf(settings);
    if (turn !== this.#turn) return;
    const id = newRunId(settings.preset.id);
    this.id.value = id;
    const address = addressOf(settings);
    this.address.value = address;
    rememberRun({ id, address });
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
    this.#endWorker();
    const worker = new Worker(new URL('./labWorker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<LabReport>) => {
      if (worker === this.#worker) this.#hear(data);
    };
    worker.onerror = (event) => {
      if (worker !== this.#worker) return;
      const problem = event.message || 'The part of the page that trains could not be loaded';
      this.#failed({ code: 'WORKER', problem, fix: 'Load the page again, and press Start.' });
    };
    const question = this.question.value;
    this.#send({ type: 'train', id, begin, adapter: settings.adapter, steps, question });
    // The person may have paused while the checkpoint was fetched.
    if (this.isPausing.value) this.#send({ type: 'pause' });
  }

  #endWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
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
        this.#endWorker();
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
        this.answered(report.answer);
        break;
      case 'unkept':
        this.isUnkept.value = true;
        this.notice({
          kind: 'warning',
          title: `The browser keeps no files for this page (${report.problem})`,
          fix: 'Training works, but the run is lost with this tab: leave the private window to keep it.',
        });
        break;
      case 'event':
        this.happened(report.event);
        break;
      default:
        report satisfies never;
    }
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

  #failed(failure: PlainFailure): void {
    this.#endWorker();
    this.failure.value = failure;
    this.#stopped('failed');
    if (this.keptId.value !== undefined) return;
    // There is nothing to resume: the next start begins anew.
    this.id.value = undefined;
    this.address.value = undefined;
    forgetRun();
  }

  #clear(): void {
    this.#endWorker();
    this.#seconds = 0;
    this.clear();
  }
}

/** The one run of this page. */
export const lab = new LabRun();
