/** Options and results of generation. */
import { expectNames, shownValue } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { isSeed } from '../base/options.ts';

/**
 * Minimum temperature of sampling. Logits are divided by it in f32: below about 1e-38 they overflow, and well above that,
 * rounding errors of logits already decide the result.
 */
export const MIN_TEMPERATURE = 1e-6;

/** Number of sequences with different random numbers: their ids have 32 bits. */
const MAX_SEQUENCES = 2 ** 32;

/** Options of sampling. */
export interface SampleOptions {
  /** Number of completions per prompt. Default: 1. */
  readonly groupSize?: number;
  /** Most tokens a completion can have, its `<eos>` included. */
  readonly maxNewTokens: number;
  /** `MIN_TEMPERATURE` or more. 0 decodes greedily; log-probabilities are then those at temperature 1. */
  readonly temperature: number;
  /** Sample from the k most likely tokens; at most the size of the vocabulary. Default: 0, off. */
  readonly topK?: number;
  /** Sample from the most likely tokens whose probabilities add up to this. Default: 1, off. */
  readonly topP?: number;
  /** Sample from tokens at least this share as likely as the most likely one. Default: 0, off. */
  readonly minP?: number;
  /** An integer from 0 to 2^32 − 1. */
  readonly seed: number;
  /** Id of the first sequence: sequence i has the random numbers of id `firstSequenceId + i`, modulo 2^32. */
  readonly firstSequenceId?: number;
}

/** A completion of a prompt. */
export interface Completion {
  /** Index of the prompt. */
  readonly prompt: number;
  /** Sampled ids, with `<eos>` at the end if it was produced. */
  readonly tokens: number[];
  /** Log-probability of each token in the distribution that it was sampled from. */
  readonly logps: Float32Array;
  /** True if `<eos>` was sampled. */
  readonly finished: boolean;
  /** With top-k, top-p or min-p: the ids each token was sampled from, ⌈V/32⌉ words per token, bit v for id v. */
  readonly kept?: Uint32Array;
}

/** Generate completions from a model's current weights. */
export interface CompletionSampler {
  /**
   * True if another kind of machine may have computed the log-probabilities of completions, with other roundings. Training
   * then corrects for the difference. Default: false.
   */
  readonly isForeign?: boolean;
  /** Sample completions of every prompt, in order. Calls run one after another. */
  generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]>;
  /**
   * Settle when other machines have the latest call, if there are any and that is quick: work of this machine that is begun
   * before delays them. Optional.
   */
  begun?(): Promise<void>;
  /** Free the memory of generation, but not the model. */
  dispose(): void;
}

/** Checked prompts and options. */
export interface Sampling {
  readonly prompts: readonly (readonly number[])[];
  readonly options: SampleOptions;
}

const NAMES = 'groupSize maxNewTokens temperature topK topP minP seed firstSequenceId'.split(' ');

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
/** Tell whether a prompt is a list of numbers, typed or not. */
const isList = (ids: unknown): boolean => Array.isArray(ids) || ArrayBuffer.isView(ids);

/**
 * Check prompts and options, and copy them, so that later changes do not affect a waiting call. Lists of ids may be typed
 * arrays.
 * @throws MathformerError naming the first invalid option or prompt.
 */
export function checkedSampling(
  prompts: readonly Iterable<number>[],
  options: SampleOptions,
  vocabSize: number,
): Sampling {
  expectNames('generate', options, NAMES);
  const notLists = !Array.isArray(prompts) || !prompts.every(isList);
  const lists = notLists ? [] : prompts.map((ids) => [...ids]);
  const problems = {
    prompts: notLists
      ? `the prompts are ${shownValue(prompts)}, not a list of lists of ids`
      : problemOfPrompts(lists, vocabSize),
    ...problemsOfOptions(options, vocabSize),
    completions:
      lists.length * (options.groupSize ?? 1) > MAX_SEQUENCES &&
      `${lists.length} prompts in groups of ${options.groupSize} are more than 2^32 completions, which would draw the same random numbers`,
  };
  for (const [name, problem] of Object.entries(problems)) {
    if (!problem) continue;
    const fix = name === 'completions' ? 'give a smaller groupSize' : `change ${name}`;
    throw new MathformerError(problem, { code: 'BAD_OPTION', where: 'generate', fix });
  }
  // Reduce it, so that sums with a sequence's number stay exact.
  const firstSequenceId = (options.firstSequenceId ?? 0) % MAX_SEQUENCES;
  return { prompts: lists, options: { ...options, firstSequenceId } };
}

function problemOfPrompts(prompts: readonly (readonly number[])[], vocabSize: number): string | false {
  const isId = (id: number): boolean => isCount(id, 0) && id < vocabSize;
  const odd = prompts.findIndex((ids) => ids.length === 0 || !ids.every(isId));
  return odd >= 0 && `prompt ${odd} is empty or has ids that are not below ${vocabSize}`;
}

function problemsOfOptions(options: SampleOptions, vocabSize: number) {
  const {
    groupSize = 1,
    maxNewTokens,
    temperature,
    topK = 0,
    topP = 1,
    minP = 0,
    seed,
    firstSequenceId = 0,
  } = options;
  const isWarm = Number.isFinite(temperature) && temperature >= MIN_TEMPERATURE;
  return {
    groupSize: !isCount(groupSize, 1) && `groupSize is ${shownValue(groupSize)}, not a positive integer`,
    maxNewTokens:
      !isCount(maxNewTokens, 1) && `maxNewTokens is ${shownValue(maxNewTokens)}, not a positive integer`,
    temperature:
      !isWarm &&
      temperature !== 0 &&
      `the temperature is ${shownValue(temperature)}, not a number of at least ${MIN_TEMPERATURE}, or 0 to decode greedily`,
    topK:
      (!isCount(topK, 0) && `topK is ${shownValue(topK)}, not 0 or a positive integer`) ||
      (topK > vocabSize && `topK is ${topK}, but the vocabulary has ${vocabSize} tokens`),
    topP:
      !(isNumber(topP) && topP > 0 && topP <= 1) &&
      `topP is ${shownValue(topP)}, not a number above 0 and at most 1`,
    minP:
      !(isNumber(minP) && minP >= 0 && minP <= 1) && `minP is ${shownValue(minP)}, not a number from 0 to 1`,
    seed: !isSeed(seed) && `the seed is ${shownValue(seed)}, not an integer from 0 to 4294967295`,
    firstSequenceId:
      !isCount(firstSequenceId, 0) &&
      `firstSequenceId is ${shownValue(firstSequenceId)}, not 0 or a positive integer`,
  };
}

/** Options of a sampler. */
export interface SamplerOptions {
  /** The id that ends a completion, its tokenizer's `eos`; null for completions that only `maxNewTokens` ends. */
  readonly eos: number | null;
}

/** An id that no model can sample. */
const NEVER = 2 ** 32 - 1;

/** Return the id that the GPU compares with. @throws MathformerError if `eos` is neither an id nor null. */
export function endId(eos: SamplerOptions['eos']): number {
  if (eos === null) return NEVER;
  if (isNumber(eos) && isCount(eos, 0) && eos < 2 ** 32) return eos;
  throw new MathformerError(`eos is ${shownValue(eos)}, not a token id`, {
    code: 'BAD_OPTION',
    where: 'Sampler',
    fix: "give the tokenizer's eos, or null for completions that only maxNewTokens ends",
  });
}
