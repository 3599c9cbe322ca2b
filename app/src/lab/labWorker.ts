/** The Worker of the Lab: trains one run at a time, and reports what happens. */
import { FileStore, MemoryFiles, type WritableRunFiles, webLock } from 'mathformer/training';
import { plainFailure } from '../data/plainFailure.ts';
import { Gate } from './gate.ts';
import { openLabDevice } from './labDevice.ts';
import { CHANNEL, type ChangedRun, filesOfRun, lockName, runsDirectory } from './labFiles.ts';
import { LiveAnswers } from './liveAnswers.ts';
import type { LabCommand, LabReport } from './protocol.ts';
import { trainInLab } from './trainInLab.ts';

const report = (message: LabReport): void => postMessage(message);

const changes = new BroadcastChannel(CHANNEL);

/** Parts of the run in training. */
let gate: Gate | undefined;
let answers: LiveAnswers | undefined;

addEventListener('message', ({ data }: MessageEvent<LabCommand>) => {
  switch (data.type) {
    case 'train':
      void train(data);
      break;
    case 'continue':
      report({ type: 'training' });
      gate?.continue(data.steps);
      break;
    case 'pause':
      gate?.pause();
      break;
    case 'ask':
      answers?.replace(data.question);
      // While a session is held, its model stands still. Otherwise the next step answers.
      if (gate?.isHeld) void answers?.answer().catch(fail);
      break;
    default:
      data satisfies never;
  }
});

async function train({ id, begin, adapter, steps, question }: LabCommand & { type: 'train' }): Promise<void> {
  gate = new Gate(steps, () => report({ type: 'paused' }));
  answers = new LiveAnswers(
    question,
    (answer) => report({ type: 'answer', answer }),
    (asked, problem) => report({ type: 'unasked', question: asked, problem }),
  );
  report({ type: 'training' });
  let outcome: LabReport = { type: 'finished' };
  try {
    await trainInLab(begin ?? undefined, {
      store: new FileStore(await filesFor(id), {
        name: id,
        lock: () => webLock(navigator.locks, lockName(id)),
      }),
      openDevice: async (need) => {
        const opened = await openLabDevice(adapter, need);
        report({ type: 'adapter', adapter: opened.inUse });
        return opened;
      },
      versions: { mathformer: __VERSION__, browser: navigator.userAgent },
      gate,
      answers,
      on: (event) => {
        report({ type: 'event', event });
        if (event.type !== 'evaluating' && event.type !== 'step') {
          changes.postMessage({ id } satisfies ChangedRun);
        }
      },
    });
  } catch (error) {
    outcome = { type: 'failed', failure: failureOf(error) };
  }
  changes.postMessage({ id } satisfies ChangedRun);
  // The page ends this Worker once it knows.
  report(outcome);
}

/** Return the files of a run; those in memory where the browser keeps none. */
async function filesFor(id: string): Promise<WritableRunFiles> {
  try {
    return filesOfRun(await runsDirectory(), id);
  } catch (error) {
    report({ type: 'unkept', problem: error instanceof Error ? error.message : String(error) });
    return new MemoryFiles();
  }
}

function fail(error: unknown): void {
  report({ type: 'failed', failure: failureOf(error) });
}

const failureOf = (error: unknown) => plainFailure(error, 'Press Start to resume from the last checkpoint.');
