/** Which failures a training goes on after, and how often. */
import { MathformerError, problemOf } from '../base/errors.ts';
import type { Device } from '../gpu/device.ts';
import type { Reporter } from './reporter.ts';

/** Attempts without a step forward after which a device that is lost again and again is given up. */
const MAX_ATTEMPTS = 3;

/** What to do where memory runs out. */
export interface MemoryAdvice {
  /** The flags that lower what a step needs. */
  readonly fix: string;
  /** Those that lower what a single generated sequence needs: of these, batches are cut to what there is. */
  readonly generationFix: string;
  /** Most MiB of GPU memory to use, if that was said. */
  readonly limit: number | undefined;
  /** Lowers what a step needs, and says to what; undefined if it must not or cannot. */
  readonly lower?: () => string | undefined;
}

/** What failed. */
export interface FailedAttempt {
  readonly device: Device | undefined;
  /** Steps done at the checkpoint that it went on from. */
  readonly resumedStep: number;
}

export class Recovery {
  #attempts = 0;
  #step = -1;

  constructor(
    private readonly reporter: Pick<Reporter, 'line'>,
    private readonly memory: MemoryAdvice,
  ) {}

  /**
   * Returns if the training can go on from its last checkpoint, which is said then: the device was lost, and not over
   * and over again, or memory ran out and less will do.
   * @throws what failed, with the flags to change if memory ran out.
   */
  async from(error: unknown, { device, resumedStep }: FailedAttempt): Promise<void> {
    const what = problemOf(error);
    // The processes that generate have an advice of their own.
    if (error instanceof MathformerError && error.code === 'OUT_OF_MEMORY' && error.where !== 'generation') {
      const generating = error.where === 'sampler';
      const lowered = generating ? undefined : this.memory.lower?.();
      if (lowered === undefined) {
        const { code, where } = error;
        const { fix, generationFix, limit } = this.memory;
        const raised = limit === undefined ? '' : `, or raise --memory_limit (now ${limit})`;
        const advice = `${generating ? generationFix : fix}${raised}`;
        throw new MathformerError(what, { code, where, fix: advice }, { cause: error });
      }
      this.reporter.line(`warning: ${what}; going on from the last checkpoint with ${lowered}`);
      return;
    }
    if (!(await device?.lost())) throw error;
    this.#attempts = resumedStep > this.#step ? 1 : this.#attempts + 1;
    this.#step = resumedStep;
    if (this.#attempts > MAX_ATTEMPTS) throw error;
    this.reporter.line(`warning: ${what}; opening another one and going on from the last checkpoint`);
  }
}
