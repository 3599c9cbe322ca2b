/** The common part of optimisers: they work on the arenas of `Parameters`, and report without blocking. */
import { expectKind, instanceOf, integer, real } from '../../base/arguments.ts';
import { MathformerError } from '../../base/errors.ts';
import type { BufferView } from '../../gpu/buffers.ts';
import type { JointRead } from '../../gpu/device.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { bytesInAll, readAll, uploadAll } from '../arenas.ts';
import { Parameters } from '../parameters.ts';

/**
 * Apply accumulated gradients to parameters. A step whose gradient is not finite changes nothing and is counted. Steps can
 * be recorded: every replay evaluates the learning rate again and counts as a step.
 */
export interface Optimizer {
  readonly parameters: Parameters;
  /** Number of steps, skipped ones included. */
  readonly steps: number;
  /** Apply the accumulated gradients at learning rate `lr`. */
  step(lr: Scalar): void;
  /** Wait for the report on the latest step, which may be read together with other results. */
  report(together?: JointRead): Promise<StepReport>;
  /** Return a copy of the optimiser's state. */
  stateDict(): Promise<OptimizerState>;
  /** Resume from a state. @throws MathformerError if it is of another optimiser, or of other parameters. */
  loadStateDict(state: OptimizerState): void;
  /** Free the optimiser's state, but not the parameters. */
  dispose(): void;
}

/** The state on which later steps depend, besides the parameters. */
export interface OptimizerState {
  readonly steps: number;
  /** The values of each kind of state, such as `exp_avg`, for all parameters, in the layout of `Parameters.data`. */
  readonly values: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** The report of an optimiser on its latest step. */
export interface StepReport {
  /** Norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** Steps skipped because a gradient was not finite: all of them, and the latest in a row. */
  readonly skipped: number;
  readonly skippedInARow: number;
}

/** Number of steps in a row without a finite gradient after which training counts as diverged. */
export const MAX_SKIPPED = 10;

/** @throws MathformerError if the last ten steps were all skipped. `fix` names the options to lower. */
export function refuseDivergence({ skippedInARow }: StepReport, step: number, fix: string): void {
  if (skippedInARow < MAX_SKIPPED) return;
  const message = `the gradient was not finite in ${MAX_SKIPPED} steps in a row`;
  throw new MathformerError(message, { code: 'DIVERGED', where: `step ${step}`, fix });
}

/** Number of values that the kernels write: those of a `StepReport`. */
const REPORT_SIZE = 3;

const RATE = real({ min: 0 });

/** Return a learning rate that is checked each time it is evaluated, also in every replay. */
function checkedRate(lr: Scalar): Scalar {
  if (typeof lr !== 'function') {
    expectKind('step', 'the learning rate', lr, RATE);
    return lr;
  }
  return () => {
    const rate = lr();
    expectKind('step', 'the learning rate', rate, RATE);
    return rate;
  };
}

/** The base class of optimisers. A subclass allocates its state, and dispatches its kernel in `apply`. */
export abstract class ArenaOptimizer implements Optimizer {
  readonly parameters: Parameters;
  steps = 0;
  /** Written by the kernel. */
  protected readonly reported: BufferView;
  /** For each kind of state by name, one buffer per arena. */
  readonly #state = new Map<string, BufferView[]>();

  constructor(parameters: Parameters) {
    expectKind(new.target.name, 'the first argument', parameters, instanceOf(Parameters));
    this.parameters = parameters;
    this.reported = this.allocate('report', REPORT_SIZE);
  }

  step(lr: Scalar): void {
    // The step of this dispatch and of its replays: a recording may contain several steps.
    let step = 0;
    this.parameters.device.onRun(() => {
      this.steps += 1;
      step = this.steps;
    });
    this.apply(checkedRate(lr), () => step);
    this.parameters.changed();
  }

  async report(together?: JointRead): Promise<StepReport> {
    const bytes = await (together ? together.add(this.reported) : this.parameters.device.read(this.reported));
    const [gradNorm = 0, skipped = 0, skippedInARow = 0] = new Float32Array(bytes);
    return { gradNorm, skipped, skippedInARow };
  }

  async stateDict(): Promise<OptimizerState> {
    const { device } = this.parameters;
    const values = [...this.#state].map(
      async ([name, views]) => [name, await readAll(device, views)] as const,
    );
    return { steps: this.steps, values: new Map(await Promise.all(values)) };
  }

  loadStateDict({ steps, values }: OptimizerState): void {
    const own = [...this.#state].flatMap(([name, views]) => {
      const data = values.get(name);
      return data?.byteLength === bytesInAll(views) ? [{ views, data }] : [];
    });
    if (own.length !== this.#state.size || values.size !== this.#state.size) {
      throw new MathformerError("the state's buffers are not those of this optimiser", {
        code: 'BAD_STATE',
        where: 'loadStateDict',
        fix: 'give the state of an optimiser of the same kind, for the same parameters',
      });
    }
    expectKind('loadStateDict', 'steps', steps, integer(0));
    this.steps = steps;
    for (const { views, data } of own) uploadAll(this.parameters.device, views, data);
  }

  dispose(): void {
    for (const view of [...this.#state.values()].flat()) this.parameters.device.release(view);
  }

  /** Dispatch the kernel. `step` counts from 1. */
  protected abstract apply(lr: Scalar, step: Scalar): void;

  /** Allocate `size` zeros that live as long as the optimiser: the next arena's part of this state. */
  protected allocate(name: string, size: number): BufferView {
    const { device } = this.parameters;
    const view = device.allocatePersistent(size * 4, 'optimiser');
    device.clear(view);
    this.#state.set(name, [...(this.#state.get(name) ?? []), view]);
    return view;
  }
}
