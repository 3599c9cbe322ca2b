/**
 * The supervised trainer: next-token cross-entropy on a task's worked problems, one optimiser step at a time. Sequences
 * of a batch are packed end to end, so lengths need no sorting; the step is captured for a few sizes and replayed, for
 * which at most an eighth of padding follows the last sequence.
 */
import { expectNames } from '../base/arguments.ts';
import { checkSeed } from '../base/options.ts';
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
import { arithmetic } from '../tasks/arithmetic/task.ts';
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

/** What a step reports. */
export interface PretrainMetrics {
  /** Optimiser steps taken, this one included. */
  readonly step: number;
  /** Passes over the examples, counted from 1. */
  readonly pass: number;
  /** Mean cross-entropy of the scored tokens, in nats. */
  readonly loss: number;
  readonly lr: number;
  /** Norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** Tokens computed in this step. */
  readonly tokens: number;
  /** Steps left out so far because of a gradient that was not finite. */
  readonly skipped: number;
  /** Mean load-balancing loss of the layers of a mixture of experts: 1 when balanced. */
  readonly loadBalance?: number;
}

/** What else a supervised trainer can be given. */
export interface SupervisedTrainerParts {
  /** What is learnt: arithmetic by the options unless given. */
  readonly task?: Task;
  /** `{ replay: false }` runs every step anew. */
  readonly capture?: CaptureOptions;
}

/** What a captured part of a step takes: the whole batch, unless that is too long for the device. */
interface PartInputs {
  readonly packed: Packed<Tensor>;
  /** (N): 1 for a scored token, 0 for padding. */
  readonly mask: Tensor;
  /** Factor of the sum of log-probabilities, −1 over their number. */
  readonly scale: Scalar;
  /** Rows that are not padding, those of the batch before them, and their share of the batch. */
  readonly rows: Scalar;
  readonly firstRow: Scalar;
  readonly share: Scalar;
  /** Steps taken before, which the dropout masks depend on. */
  readonly step: Scalar;
}

/** One value each. */
interface Losses {
  readonly loss: Tensor;
  readonly balance: Tensor | undefined;
}

/** Recordings that a trainer keeps. */
const MAX_RECORDINGS = 64;

/** Trains a model on an endless stream of worked problems. */
export class SupervisedTrainer {
  readonly model: Transformer;
  readonly options: PretrainOptions;
  readonly stepsPerPass: number;
  readonly totalSteps: number;
  readonly #optimizer: AdamW;
  /** A step on a batch that fits the device whole; and a part of one, and the update. */
  readonly #train: Captured<[PartInputs, Scalar], Losses>;
  readonly #accumulate: Captured<[PartInputs], Losses>;
  readonly #apply: Captured<[Scalar], void>;
  readonly #streams: readonly TaskStream[];
  #step = 0;
  /** Drawn ahead, while the GPU worked. */
  #next: readonly Example[] | undefined;

  /** @throws MathformerError if the model's vocabulary is not the task's, or the task is none. */
  constructor(model: Transformer, options: PretrainOptions, parts: SupervisedTrainerParts = {}) {
    expectNames('SupervisedTrainer', parts, ['task', 'capture']);
    const { task = arithmetic(options), capture: captureOptions = {} } = parts;
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

  /** The learning rate of optimiser step `step`, counted from 0. */
  learningRate(step: number): number {
    const { scheduler, lr, minLr, warmupRatio } = this.options;
    return scheduler === 'none'
      ? lr
      : cosineWithWarmup(step, { totalSteps: this.totalSteps, warmupRatio, lr, minLr });
  }

  /**
   * Trains on one batch.
   * @throws MathformerError after ten steps in a row without a finite gradient.
   */
  async step(): Promise<PretrainMetrics> {
    const { options } = this;
    const lr = this.learningRate(this.#step);
    const batch = this.#next ?? this.#draw();
    const pending = Promise.all([this.#update(batch, lr), this.#optimizer.report()]);
    pending.catch(() => {}); // thrown below; until then it has a handler, whatever drawing does
    this.#step += 1;
    this.#next = this.#draw(); // while the GPU works
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

  /** What a trainer needs, besides the model's weights, to go on as this one would, to the bit. */
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
   * Goes on from a state of a trainer with the same options and task; the model must have its weights.
   * @throws MathformerError for what is no such state.
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

  /** Frees the trainer's memory, not the model. */
  dispose(): void {
    for (const captured of [this.#train, this.#accumulate, this.#apply]) captured[Symbol.dispose]();
    this.#optimizer.dispose();
  }

  /** The examples of the step that comes next: a batch, or what is left of the pass. */
  #draw(): readonly Example[] {
    const { batchSize, numExamples } = this.options;
    const drawn = (this.#step % this.stepsPerPass) * batchSize;
    return Array.from({ length: Math.min(batchSize, numExamples - drawn) }, (_, i) => {
      const stream = this.#streams[i % this.#streams.length] as TaskStream;
      return stream.nextExample();
    });
  }

  /** How many of a batch of `size` examples come from stream `i`. */
  #share(i: number, size: number): number {
    return Math.max(0, Math.ceil((size - i) / this.#streams.length));
  }

  /** Enqueues forward, backward and the update; the values arrive when the GPU is done. */
  async #update(
    batch: readonly Example[],
    lr: number,
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
      const values = Promise.all([inputs.share, loss.item(), balance?.item()]);
      values.catch(() => {}); // thrown below; until then it has a handler, whatever the next part does
      return values;
    });
    if (parts.length > 1) this.#apply(lr);
    const values = await Promise.all(pending);
    const loss = values.reduce((sum, [, part]) => sum + part, 0);
    if (values.some(([, , balance]) => balance === undefined)) return { loss };
    return { loss, loadBalance: values.reduce((sum, [share, , balance = 0]) => sum + share * balance, 0) };
  }

  /** A part of a batch, given what the whole batch has. */
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

  /** Forward and backward on the GPU. */
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
