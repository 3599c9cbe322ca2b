/** A training session of the command line: on disk, on the machine of the flags, told on the terminal, ended by signals. */
import { MathformerError, problemOf } from '../base/errors.ts';
import { removeIfEmpty } from '../runs/directory.ts';
import { DiskStore } from '../runs/diskStore.ts';
import { newDirectory } from '../runs/run.ts';
import type { SessionFlags } from '../training/commandOptions.ts';
import type { TrainingEvent } from '../training/events.ts';
import type { MachineNeed } from '../training/machine.ts';
import { isOutOfMemory } from '../training/recovery.ts';
import type { RunKind } from '../training/runConfig.ts';
import type { SessionContext } from '../training/session.ts';
import { type WorkersOptions, withWorkers } from '../training/workers.ts';
import { type OpenedMachine, openMachine } from './commandMachine.ts';
import { DashboardProcess } from './dashboardProcess.ts';
import type { EarlierRun } from './earlierRun.ts';
import { type WorkersFlags, workersOptions } from './flags/workersFlags.ts';
import { invocation } from './invocation.ts';
import { Reporter } from './reporter.ts';
import { StopRequest } from './stopRequest.ts';
import { TrainingTerminal } from './trainingTerminal.ts';
import { WorkersTerminal } from './workersTerminal.ts';

/** A session, as a command describes it. */
export interface CommandSession {
  readonly kind: RunKind;
  readonly flags: SessionFlags;
  /** Also write the metrics of a new run as CSV to this path. */
  readonly csv?: string | undefined;
  /** The run to resume, instead of a new one. */
  readonly earlier: EarlierRun | undefined;
  /** Lines to begin with. */
  readonly notes?: readonly string[];
  /** The flags of work with other machines, and the trainer's `staleness`; undefined for a training without rollouts. */
  readonly sharing?: { readonly workers: WorkersFlags; readonly staleness: number } | undefined;
  /** Words the advice of trainers in flags that the command takes. */
  readonly advice: (advice: string) => string;
  /**
   * Flags to lower if memory runs out: for a step, and for a single generated sequence (batches of these are cut to what
   * there is).
   */
  readonly memory: { readonly fix: string; readonly generationFix: string };
}

/**
 * Train on the machine, and print what happens. After Ctrl-C, SIGTERM or SIGHUP `process.exitCode` is the signal's.
 * @throws AdapterError, FileError, GpuError
 */
export async function trainingSession(
  { kind, flags, csv, earlier, notes = [], sharing, advice, memory }: CommandSession,
  train: (context: SessionContext) => Promise<unknown>,
): Promise<void> {
  const reporter = new Reporter(flags);
  // The server knows a run by its directory, also one that is named by the time.
  const isNamed = earlier !== undefined || flags.out !== undefined;
  const made =
    sharing?.workers.workers === undefined || isNamed ? undefined : newDirectory('runs', kind, new Date());
  const directory = earlier?.directory ?? flags.out ?? made;
  const workers = directory === undefined ? undefined : sharedWith(sharing, directory, reporter);
  const store = new DiskStore({
    directory,
    resume: earlier?.config,
    csv: earlier ? earlier.csv : csv,
    tensorboard: flags.tensorboard,
    trainOn: (model) => invocation('train', ['grpo', '--checkpoint', model]),
  });
  const stopping = new AbortController();
  let machine: OpenedMachine | undefined;
  let stop: StopRequest | undefined;
  let dashboard: DashboardProcess | undefined;
  const terminal = new TrainingTerminal(reporter, {
    notes,
    advice,
    csv: () => store.csv,
    isResumed: earlier !== undefined,
  });
  const on = async (event: TrainingEvent): Promise<void> => {
    terminal.hear(event);
    if (event.type === 'run') {
      if (flags.dashboard) dashboard ??= new DashboardProcess(event.directory, reporter);
      stop ??= new StopRequest(() => {
        reporter.line('Stopping after this step; once more quits at once');
        stopping.abort();
      });
    }
    if (event.type !== 'end') return;
    stop?.[Symbol.dispose]();
    await machine?.reportProfile();
  };
  const open = async (need: MachineNeed): Promise<OpenedMachine> => {
    const { model, kernels } = need;
    const memoryLimit = flags.memoryLimit === undefined ? undefined : flags.memoryLimit * 2 ** 20;
    const alone = await openMachine({ ...flags, memoryLimit, earlierKernels: kernels }, reporter, [model]);
    machine = workers ? await withWorkers(alone, need, workers) : alone;
    return machine;
  };
  try {
    // Seconds are counted from the start of the process.
    await train({ store, openMachine: open, on, signal: stopping.signal, startedAt: 0 });
  } catch (error) {
    throw terminal.hasRun && isOutOfMemory(error) ? advised(error, memory, flags.memoryLimit) : error;
  } finally {
    terminal.stop();
    stop?.[Symbol.dispose]();
    dashboard?.[Symbol.dispose]();
    if (made !== undefined) removeIfEmpty(made);
  }
  if (stop?.exitCode !== undefined) process.exitCode = stop.exitCode;
}

/** Return the options of work with other machines, if there are any. */
function sharedWith(
  sharing: CommandSession['sharing'],
  directory: string,
  reporter: Reporter,
): WorkersOptions | undefined {
  const options = sharing && workersOptions(sharing.workers, directory);
  if (!sharing || !options) return undefined;
  const terminal = new WorkersTerminal(reporter);
  return { ...options, staleness: sharing.staleness, on: (event) => terminal.hear(event) };
}

/** Make an error that names the flags to lower. @param limit MiB, if that was given. */
function advised(
  error: MathformerError,
  { fix, generationFix }: CommandSession['memory'],
  limit: number | undefined,
): MathformerError {
  const { code, where } = error;
  const raised = limit === undefined ? '' : `, or raise --memory_limit (now ${limit})`;
  const advice = `${where === 'sampler' ? generationFix : fix}${raised}`;
  return new MathformerError(problemOf(error), { code, where, fix: advice }, { cause: error });
}
