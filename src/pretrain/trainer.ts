/**
 * The supervised trainer: next-token cross-entropy on a task's worked problems, one optimiser step at a time. The
 * sequences of a batch are packed end to end, so their lengths may differ. A step is recorded for a few sizes and
 * replayed; padding after the last sequence, at most an eighth, fills the size.
 */
import { expectNames } from '../base/arguments.ts';
import { checkSeed } from '../base/options.ts';
import type { JointRead } from '../gpu/device.ts';
import { scalarValue } from '../gpu/kernel.ts';
import { mostTokens, partsOf } from '../model/microBatches.ts';
import { type Packed, packSequences, type ScoredSequence, scoredCount, scorePacked } from '../model/score.ts';
import {
  checkedProgress,
  optimizerTensors,
  optimizerValues,
  type TrainingState,
} from '../model/trainingState.ts';
import type { Transformer } from '../model/transformer.ts';
import { refuseTaskOptions } from '../tasks/builtIn.ts';
import { checkedTask } from '../tasks/checked.ts';
import { TaskStream } from '../tasks/stream.ts';
import { checkVocabulary, type Example, type Task } from '../tasks/task.ts';
import {
  AdamW,
  add,
  backward,
  type Captured,
  type CaptureOptions,
  capture,
  cosineWithWarmup,
  loadBalance,
  mul,
  refuseDivergence,
  type Scalar,
  sum,
  type Tensor,
} from '../tensor/index.ts';
import type { PretrainOptions } from './options.ts';
import { type PretrainProgress, pretrainProgressSchema } from './progress.ts';

/** Streams of the two levels of `practice`. */
const STREAMS = { full: 0, easier: 1 } as const;

/** Metrics of a step. */
export type PretrainMetrics = {
  /** Number of this step, counted from 1. */
  readonly step: number;
  /** Number of this pass over the examples, counted from 1. */
  readonly pass: number;
  /** Mean cross-entropy of the scored tokens, in nats. */
  readonly loss: number;
  readonly lr: number;
  /** Norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** Number of tokens computed in this step, padding excluded. */
  readonly tokens: number;
  /** Steps skipped so far because a gradient was not finite. */
  readonly skipped: number;
  /** Mean load-balancing loss of the layers of a mixture of experts: 1 when balanced. */
  readonly loadBalance?: number;
};

/** Optional parts of a supervised trainer. */
export interface SupervisedTrainerParts {
  /** The task to learn. */
  readonly task: Task;
  /** Options of recordings. `{ replay: false }` computes every step without them. */
  readonly capture?: CaptureOptions;
}

/** Inputs of a captured part of a step. The part is the whole batch, unless that is too long for the device. */
interface PartInputs {
  readonly packed: Packed<Tensor>;
  /** (N): 1 for a scored token, 0 for padding. */
  readonly mask: Tensor;
  /** −1/(number of scored tokens of the batch): the factor of the sum of log-probabilities. */
  readonly scale: Scalar;
  /** Number of rows without padding. */
  readonly rows: Scalar;
  /** Number of rows of the batch in earlier parts. */
  readonly firstRow: Scalar;
  /** `rows` as a share of the rows of the batch. */
  readonly share: Scalar;
  /** Number of earlier steps. The dropout masks depend on it. */
  readonly step: Scalar;
}

/** The losses of a part, one value each. */
interface Losses {
  readonly loss: Tensor;
  readonly balance: Tensor | undefined;
}

/** Maximum number of recordings that a trainer keeps. */
const MAX_RECORDINGS = 64;

/** Train a model on an endless stream of worked problems. */
export class SupervisedTrainer {
  readonly model: Transformer;
  readonly options: PretrainOptions;
  readonly stepsPerPass: number;
  readonly totalSteps: number;
  readonly #optimizer: AdamW;
  /** A whole step, for a batch that fits the device. */
  readonly #train: Captured<[PartInputs, Scalar], Losses>;
  /** The gradients of a part, and the update after the last part, for a longer batch. */
  readonly #accumulate: Captured<[PartInputs], Losses>;
  readonly #apply: Captured<[Scalar], void>;
  readonly #streams: readonly TaskStream[];
  #step = 0;
  /** The next batch, drawn while the GPU computed. */
  #next: readonly Example[] | undefined;

  /** @throws MathformerError if the task is invalid, or the model's vocabulary is not the task's. */
  constructor(model: Transformer, options: PretrainOptions, parts: SupervisedTrainerParts) {
    expectNames('SupervisedTrainer', parts, ['task', 'capture']);
    refuseTaskOptions(options);
    const { task, capture: captureOptions = {} } = parts;
    const checked = checkedTask(task);
    checkVocabulary(checked, model.config);
    checkSeed(options.seed);
    this.model = model;
    this.options = options;
    this.stepsPerPass = Math.ceil(options.numExamples / options.batchSize);
    this.totalSteps = options.steps * this.stepsPerPass;
    const { gradClip, weightDecay } = options;
    this.#optimizer = new AdamW(model.parameters, { gradClip, weightDecay });
    const recordings = { maxRecordings: MAX_RECORDINGS, ...captureOptions };
    const train = (inputs: PartInputs, rate: Scalar): Losses => {
      model.parameters.zeroGrad();
      const losses = this.#graph(inputs);
      this.#optimizer.step(rate);
      return losses;
    };
    this.#train = capture(model.device, train, recordings);
    this.#accumulate = capture(model.device, (inputs: PartInputs) => this.#graph(inputs), recordings);
    this.#apply = capture(model.device, (rate: Scalar) => this.#optimizer.step(rate), recordings);
    const { seed, practice } = options;
    const easier = Math.max(0, checked.levels.length - 2);
    this.#streams = [
      new TaskStream(checked, { seed, stream: STREAMS.full }),
      ...(practice ? [new TaskStream(checked, { seed, stream: STREAMS.easier, level: easier })] : []),
    ];
  }

  /** Return the learning rate of optimiser step `step`, counted from 0. */
  learningRate(step: number): number {
    const { scheduler, lr, minLr, warmupRatio } = this.options;
    return scheduler === 'none'
      ? lr
      : cosineWithWarmup(step, { totalSteps: this.totalSteps, warmupRatio, lr, minLr });
  }

  /** Train on one batch. @throws MathformerError after ten steps in a row without a finite gradient. */
  async step(): Promise<PretrainMetrics> {
    const { options } = this;
    const lr = this.learningRate(this.#step);
    const batch = this.#next ?? this.#draw();
    const together = this.model.device.readTogether();
    const pending = Promise.all([this.#update(batch, lr, together), this.#optimizer.report(together)]);
    together.finish();
    pending.catch(() => {}); // awaited below; until then a handler keeps a rejection from ending the process
    this.#step += 1;
    this.#next = this.#draw(); // while the GPU computes
    const [losses, report] = await pending;
    refuseDivergence(report, this.#step, `lower --lr (now ${options.lr}) or --grad_clip`);
    const { gradNorm, skipped } = report;
    return {
      step: this.#step,
      pass: Math.ceil(this.#step / this.stepsPerPass),
      ...losses,
      lr,
      gradNorm,
      tokens: batch.reduce((total, { tokens }) => total + tokens.length - 1, 0),
      skipped,
    };
  }

  /** Return the state from which, together with the model's weights, training resumes to the same bits. */
  async state(): Promise<TrainingState<PretrainProgress>> {
    const optimizer = await this.#optimizer.stateDict();
    const ahead = this.#next?.length ?? 0;
    const cursors = this.#streams.map(({ cursor }, i) => cursor - this.#share(i, ahead));
    return {
      progress: { step: this.#step, optimizerSteps: optimizer.steps, cursors },
      optimizer: optimizerTensors(optimizer),
      reference: null,
    };
  }

  /**
   * Resume from the state of a trainer with the same options and task. Load the model's weights separately.
   * @throws MathformerError if the state is invalid or of a different trainer.
   */
  restore({ progress, optimizer }: TrainingState): void {
    const {
      step,
      optimizerSteps: steps,
      cursors,
    } = checkedProgress(pretrainProgressSchema(this.#streams.length), progress);
    this.#optimizer.loadStateDict({ steps, values: optimizerValues(optimizer) });
    for (const [i, stream] of this.#streams.entries()) stream.cursor = cursors[i] ?? 0;
    this.#step = step;
    this.#next = undefined;
  }

  /** Free the trainer's memory, but not the model. */
  dispose(): void {
    for (const captured of [this.#train, this.#accumulate, this.#apply]) captured[Symbol.dispose]();
    this.#optimizer.dispose();
  }

  /** Draw the examples of the next step: a batch, or the rest of the pass if that is smaller. */
  #draw(): readonly Example[] {
    const { batchSize, numExamples } = this.options;
    const drawn = (this.#step % this.stepsPerPass) * batchSize;
    return Array.from({ length: Math.min(batchSize, numExamples - drawn) }, (_, i) => {
      const stream = this.#streams[i % this.#streams.length] as TaskStream;
      return stream.nextExample();
    });
  }

  /** Return the number of examples of stream `i` in a batch of `size`. */
  #share(i: number, size: number): number {
    return Math.max(0, Math.ceil((size - i) / this.#streams.length));
  }

  /** Enqueue forward, backward and update. The promise resolves when `together` has been read. */
  async #update(
    batch: readonly Example[],
    lr: number,
    together: JointRead,
  ): Promise<Pick<PretrainMetrics, 'loss' | 'loadBalance'>> {
    const sequences = batch.map(({ tokens, promptLength }) => ({
      tokens,
      from: this.options.promptLoss ? 1 : promptLength,
    }));
    const { parameters } = this.model;
    const parts = partsOf(sequences, mostTokens(this.model));
    const total = {
      scored: sequences.reduce((sum, sequence) => sum + scoredCount(sequence), 0),
      rows: sequences.reduce((sum, sequence) => sum + sequence.tokens.length - 1, 0),
    };
    if (parts.length > 1) parameters.zeroGrad();
    const pending = parts.map(({ sequences, firstRow }) => {
      using _ = this.model.device.scope();
      const inputs = this.#inputs(sequences, firstRow, total);
      const { loss, balance } = parts.length > 1 ? this.#accumulate(inputs) : this.#train(inputs, lr);
      if (parts.length > 1) this.model.device.flush(); // it computes while the next part is packed
      const read = async ({ view }: Tensor) => new Float32Array(await together.add(view))[0] ?? 0;
      const values = Promise.all([inputs.share, read(loss), balance && read(balance)]);
      values.catch(() => {}); // awaited below; until then a handler keeps a rejection from ending the process
      return values;
    });
    if (parts.length > 1) this.#apply(lr);
    const values = await Promise.all(pending);
    const loss = values.reduce((sum, [, part]) => sum + part, 0);
    if (values.some(([, , balance]) => balance === undefined)) return { loss };
    return { loss, loadBalance: values.reduce((sum, [share, , balance = 0]) => sum + share * balance, 0) };
  }

  /** Return the inputs of a part of a batch, given the counts of the whole batch. */
  #inputs(
    sequences: readonly ScoredSequence[],
    firstRow: number,
    total: { readonly scored: number; readonly rows: number },
  ) {
    const { arrays: packed, rows, scored } = packSequences(this.model, sequences, { padded: true });
    const mask = new Float32Array(packed.targets.length).fill(1, 0, scored);
    const share = rows / total.rows;
    return { packed, mask, scale: -1 / total.scored, rows, firstRow, share, step: this.#step };
  }

  /** Compute forward and backward on the GPU, and add to the gradients. */
  #graph({ packed, mask, scale, rows, firstRow, share, step }: PartInputs): Losses {
    const { model, options } = this;
    const p = options.dropout ?? model.config.dropout;
    const balances: Tensor[] = [];
    const { logp } = scorePacked(model, packed, {
      dropout: { p, seed: options.seed, step, firstRow },
      onRouting: (logits, routing) => balances.push(loadBalance(logits, routing, rows)),
    });
    const loss = mul(sum(mul(logp, mask)), scale);
    const balance = balances.length > 0 ? mul(balances.reduce(add), 1 / balances.length) : undefined;
    const { loadBalanceCoef } = options;
    const weight = () => loadBalanceCoef * scalarValue(share);
    backward(balance && loadBalanceCoef > 0 ? add(loss, mul(balance, weight)) : loss);
    return { loss, balance };
  }
}
