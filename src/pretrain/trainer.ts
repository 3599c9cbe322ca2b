/**
 * The supervised trainer: next-token cross-entropy on worked problems, one optimiser step at a time. Sequences of a
 * batch are packed end to end, so lengths need no sorting and no token of padding is computed.
 */
import { type Sample, SampleStream } from '../math/sample.ts';
import { scoreTokens } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import {
  AdamW,
  add,
  backward,
  cosineWithWarmup,
  loadBalance,
  mul,
  refuseDivergence,
  sum,
  type Tensor,
} from '../tensor/index.ts';
import type { PretrainOptions } from './options.ts';

/** Problem streams of the two difficulties of `practice`. */
const STREAMS = { full: 0, easier: 1 } as const;

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

export class SupervisedTrainer {
  readonly model: Transformer;
  readonly options: PretrainOptions;
  readonly stepsPerPass: number;
  readonly totalSteps: number;
  readonly #optimizer: AdamW;
  readonly #streams: readonly SampleStream[];
  #step = 0;
  #next: readonly Sample[] | undefined;

  constructor(model: Transformer, options: PretrainOptions) {
    this.model = model;
    this.options = options;
    this.stepsPerPass = Math.ceil(options.numExamples / options.batchSize);
    this.totalSteps = options.steps * this.stepsPerPass;
    const { gradClip, weightDecay } = options;
    this.#optimizer = new AdamW(model.parameters, { gradClip, weightDecay });
    const easier = {
      maxDigits: Math.max(1, options.maxDigits - 1),
      maxDepth: Math.max(1, options.maxDepth - 1),
    };
    this.#streams = [
      new SampleStream(options, { stream: STREAMS.full }),
      ...(options.practice ? [new SampleStream({ ...options, ...easier }, { stream: STREAMS.easier })] : []),
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

  dispose(): void {
    this.#optimizer.dispose();
  }

  #draw(): readonly Sample[] {
    return Array.from({ length: this.options.batchSize }, (_, i) => {
      const stream = this.#streams[i % this.#streams.length] as SampleStream;
      return stream.next();
    });
  }

  /** Enqueues forward, backward and the update; the values arrive when the GPU is done. */
  async #update(
    batch: readonly Sample[],
    lr: number,
  ): Promise<Pick<PretrainMetrics, 'loss' | 'loadBalance'>> {
    const { model, options } = this;
    let values: Promise<number>[];
    {
      using _ = model.device.scope();
      const sequences = batch.map(({ tokens, promptLength }) => ({
        tokens,
        from: options.promptLoss ? 1 : promptLength,
      }));
      const p = options.dropout ?? model.config.dropout;
      const balances: Tensor[] = [];
      model.parameters.zeroGrad();
      const { logp } = scoreTokens(model, sequences, {
        dropout: { p, seed: options.seed >>> 0, step: this.#step },
        onRouting: (logits, routing) => balances.push(loadBalance(logits, routing)),
      });
      const loss = mul(sum(logp), -1 / logp.size);
      const balance = balances.length > 0 ? mul(balances.reduce(add), 1 / balances.length) : undefined;
      const { loadBalanceCoef } = options;
      backward(balance && loadBalanceCoef > 0 ? add(loss, mul(balance, loadBalanceCoef)) : loss);
      this.#optimizer.step(lr);
      values = [loss, ...(balance ? [balance] : [])].map((tensor) => tensor.item());
    }
    const [loss = 0, balance] = await Promise.all(values);
    return balance === undefined ? { loss } : { loss, loadBalance: balance };
  }
}
