/** What all optimisers have in common: they work on the arenas of `Parameters` and report without being waited for. */
import { expectKind, instanceOf, integer, real } from '../../base/arguments.ts';
import { MathformerError } from '../../base/errors.ts';
import type { BufferView } from '../../gpu/buffers.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { bytesInAll, readAll, uploadAll } from '../arenas.ts';
import { Parameters } from '../parameters.ts';

/**
 * Applies accumulated gradients to parameters. A step whose gradient is not finite changes nothing and is counted. Steps
 * can be recorded: in every replay the learning rate is asked for anew and the step is counted.
 */
export interface Optimizer {
  readonly parameters: Parameters;
  /** Steps taken, skipped ones included. */
  readonly steps: number;
  /** Applies the accumulated gradients at learning rate `lr`. */
  step(lr: Scalar): void;
  /** What became of the latest step. */
  report(): Promise<StepReport>;
  /** A copy of the optimiser's state. */
  stateDict(): Promise<OptimizerState>;
  /** Goes on from a state. @throws MathformerError if it is that of another optimiser, or of other parameters. */
  loadStateDict(state: OptimizerState): void;
  /** Frees the optimiser's state, not the parameters. */
  dispose(): void;
}

/** All that later steps depend on besides the parameters. */
export interface OptimizerState {
  readonly steps: number;
  /** The values of each kind of state, such as `exp_avg`, of all parameters: as `Parameters.data` returns theirs. */
  readonly values: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** What an optimiser says of its latest step. */
export interface StepReport {
  /** Norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** Steps left out so far because a gradient was not finite, and how many of them were the last ones. */
  readonly skipped: number;
  readonly skippedInARow: number;
}

/** Steps in a row without a finite gradient after which training has diverged. */
export const MAX_SKIPPED = 10;

/** @throws MathformerError if the last ten steps were all skipped; `fix` says what to lower. */
export function refuseDivergence({ skippedInARow }: StepReport, step: number, fix: string): void {
  if (skippedInARow < MAX_SKIPPED) return;
  const message = `the gradient was not finite in ${MAX_SKIPPED} steps in a row`;
  throw new MathformerError(message, { code: 'DIVERGED', where: `step ${step}`, fix });
}

/** Values that the kernels write: a `StepReport`. */
const REPORT_SIZE = 3;

const RATE = real({ min: 0 });

/** The learning rate, which a captured step asks for in every replay, checked each time. */
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

/** An optimiser is this and a kernel: it allocates its state and says in `apply` how to launch the kernel. */
export abstract class ArenaOptimizer implements Optimizer {
  readonly parameters: Parameters;
  steps = 0;
  /** Written by the kernel. */
  protected readonly reported: BufferView;
  /** One buffer for each arena, by name. */
  readonly #state = new Map<string, BufferView[]>();

  constructor(parameters: Parameters) {
    expectKind(new.target.name, 'the first argument', parameters, instanceOf(Parameters));
    this.parameters = parameters;
    this.reported = this.allocate('report', REPORT_SIZE);
  }

  /** Applies the accumulated gradients at learning rate `lr`. */
  step(lr: Scalar): void {
    // Of this launch and its replays: a recording may hold several steps.
    let step = 0;
    this.parameters.device.onRun(() => {
      this.steps += 1;
      step = this.steps;
    });
    this.apply(checkedRate(lr), () => step);
    this.parameters.changed();
  }

  /** What became of the latest step. */
  async report(): Promise<StepReport> {
    const bytes = await this.parameters.device.read(this.reported);
    const [gradNorm = 0, skipped = 0, skippedInARow = 0] = new Float32Array(bytes);
    return { gradNorm, skipped, skippedInARow };
  }

  /** A copy of the optimiser's state. */
  async stateDict(): Promise<OptimizerState> {
    const { device } = this.parameters;
    const values = [...this.#state].map(
      async ([name, views]) => [name, await readAll(device, views)] as const,
    );
    return { steps: this.steps, values: new Map(await Promise.all(values)) };
  }

  /** Goes on from a state. @throws MathformerError if it is that of another optimiser, or of other parameters. */
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

  /** Launches the kernel; `step` counts from 1. */
  protected abstract apply(lr: Scalar, step: Scalar): void;

  /** Returns `size` zeros that live as long as the optimiser: the next arena's part of this state. */
  protected allocate(name: string, size: number): BufferView {
    const { device } = this.parameters;
    const view = device.allocatePersistent(size * 4, 'optimiser');
    device.clear(view);
    this.#state.set(name, [...(this.#state.get(name) ?? []), view]);
    return view;
  }
}
