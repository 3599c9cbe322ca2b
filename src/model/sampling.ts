/** What generation is asked for, and what it gives. */
import { MathformerError } from '../errors.ts';

/** How completions are drawn. */
export interface SampleOptions {
  /** Completions per prompt. */
  readonly groupSize?: number;
  /** Most tokens a completion can have, its `<eos>` included. */
  readonly maxNew: number;
  /** 0 decodes greedily; log-probabilities are then those at temperature 1. */
  readonly temperature: number;
  /** Sample from the k likeliest tokens; 0 turns this off. */
  readonly topK?: number;
  /** Sample from the likeliest tokens that together have this probability; 1 turns this off. */
  readonly topP?: number;
  /** Sample from tokens with at least this share of the likeliest one's probability; 0 turns this off. */
  readonly minP?: number;
  readonly seed: number;
  /** Sequence i of this call draws its random numbers as sequence `firstSequenceId + i`. */
  readonly firstSequenceId?: number;
}

/** What was generated for a prompt. */
export interface Completion {
  /** Index of the prompt. */
  readonly prompt: number;
  /** Sampled ids, with `<eos>` at the end if it was produced. */
  readonly tokens: number[];
  /** Log-probability of each token in the distribution it was sampled from. */
  readonly logps: Float32Array;
  /** Whether `<eos>` was produced. */
  readonly finished: boolean;
  /** With top-k, top-p or min-p: the ids each token was sampled from, ⌈V/32⌉ words per token, bit v for id v. */
  readonly kept?: Uint32Array;
}

/** Generates completions from a model's current weights. */
export interface CompletionSampler {
  /** Samples completions of every prompt, in order. Calls take turns. */
  generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]>;
  /** Frees what generating takes, not the model. */
  dispose(): void;
}

/** @throws MathformerError if there is nothing that such options or prompts could mean. */
export function checkSampling(
  prompts: readonly (readonly number[])[],
  { groupSize = 1, maxNew, temperature, topK = 0, topP = 1, minP = 0 }: SampleOptions,
  vocabSize: number,
): void {
  const isCount = (value: number, least: number): boolean => Number.isInteger(value) && value >= least;
  const isId = (id: number): boolean => isCount(id, 0) && id < vocabSize;
  const odd = prompts.findIndex((ids) => ids.length === 0 || !ids.every(isId));
  const problems = {
    groupSize: !isCount(groupSize, 1) && `groupSize is ${groupSize}, not a positive integer`,
    maxNew: !isCount(maxNew, 1) && `maxNew is ${maxNew}, not a positive integer`,
    temperature: !(temperature >= 0) && `the temperature is ${temperature}, not 0 or more`,
    topK: !isCount(topK, 0) && `topK is ${topK}, not 0 or a positive integer`,
    topP: !(topP > 0 && topP <= 1) && `topP is ${topP}, not above 0 and at most 1`,
    minP: !(minP >= 0 && minP <= 1) && `minP is ${minP}, not from 0 to 1`,
    prompts: odd >= 0 && `prompt ${odd} is empty or has ids that are not below ${vocabSize}`,
  };
  for (const [name, problem] of Object.entries(problems)) {
    if (!problem) continue;
    throw new MathformerError(problem, { code: 'BAD_OPTION', where: 'generate', fix: `change ${name}` });
  }
}
