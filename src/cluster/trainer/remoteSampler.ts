/** A sampler whose completions come from many machines. */
import {
  type Completion,
  type CompletionSampler,
  checkedSampling,
  type SampleOptions,
} from '../../model/completions.ts';
import type { Transformer } from '../../model/transformer.ts';
import type { Coordinator } from './coordinator.ts';

/** Sample on the trainer's device and on workers. With workers of the trainer's class, the completions are those of the device. */
export class RemoteSampler implements CompletionSampler {
  /** True if log-probabilities may be those of another class of machine. */
  readonly isForeign: boolean;
  /** Settles when the latest call is over. */
  #idle: Promise<unknown> = Promise.resolve();
  #begun: Promise<unknown> = Promise.resolve();

  /** @param local samples from the model on the trainer's device. It is disposed of with this sampler. */
  constructor(
    readonly model: Transformer,
    private readonly local: CompletionSampler,
    private readonly coordinator: Coordinator,
  ) {
    this.isForeign = coordinator.mode === 'any';
  }

  /**
   * Sample completions of every prompt with the model's present weights, which must not change before the result is there.
   * Calls run one after another.
   * @throws MathformerError for invalid options; ClusterError if another process trains the run; what the local sampler throws.
   */
  async generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    const { model, local } = this;
    const checked = checkedSampling(prompts, options, model.config.vocabSize);
    const { groupSize = 1, topK = 0, topP = 1, minP = 0, firstSequenceId = 0, ...others } = checked.options;
    const sampling = { ...others, groupSize, topK, topP, minP, firstSequenceId };
    const { promise: read, resolve } = deferred();
    const turn = this.#idle.then(() =>
      this.coordinator.generate({ model, local, prompts: checked.prompts, sampling }, resolve),
    );
    this.#idle = turn.catch(() => {});
    this.#begun = Promise.race([read, this.#idle]);
    return turn;
  }

  async begun(): Promise<void> {
    await this.#begun;
  }

  dispose(): void {
    this.local.dispose();
  }
}

/** Return a promise with the function that settles it. */
function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
