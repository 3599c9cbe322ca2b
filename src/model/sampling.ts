/** What generation is asked for, and what it gives. */
import { expectNames, shownValue } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { isSeed } from '../base/options.ts';

/**
 * The lowest temperature to sample at. Logits are divided by it in f32: below about 1e-38 they overflow, and well above
 * that the rounding of a logit already decides what is sampled.
 */
export const MIN_TEMPERATURE = 1e-6;

/** Sequences that have random numbers of their own: their ids have 32 bits. */
const MAX_SEQUENCES = 2 ** 32;

/** How completions are drawn. */
export interface SampleOptions {
  /** Completions per prompt. */
  readonly groupSize?: number;
  /** Most tokens a completion can have, its `<eos>` included. */
  readonly maxNew: number;
  /** `MIN_TEMPERATURE` or more. 0 decodes greedily; log-probabilities are then those at temperature 1. */
  readonly temperature: number;
  /** Sample from the k likeliest tokens, at most the size of the vocabulary; 0 turns this off. */
  readonly topK?: number;
  /** Sample from the likeliest tokens that together have this probability; 1 turns this off. */
  readonly topP?: number;
  /** Sample from tokens with at least this share of the likeliest one's probability; 0 turns this off. */
  readonly minP?: number;
  /** An integer from 0 to 2^32 − 1. */
  readonly seed: number;
  /** Sequence i of this call draws its random numbers as sequence `firstSequenceId + i`, modulo 2^32. */
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

/** What is sampled, and how. */
export interface Sampling {
  readonly prompts: readonly (readonly number[])[];
  readonly options: SampleOptions;
}

/** The names of the options. */
const NAMES: readonly (keyof SampleOptions)[] = [
  'groupSize',
  'maxNew',
  'temperature',
  'topK',
  'topP',
  'minP',
  'seed',
  'firstSequenceId',
];

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
/** Tell whether a prompt is a list of numbers, typed or not. */
const isList = (ids: unknown): boolean => Array.isArray(ids) || ArrayBuffer.isView(ids);

/**
 * Copies of prompts and options: a call that waits for its turn does not see what becomes of them. Lists of ids may be
 * typed arrays.
 * @throws MathformerError naming the first option, or prompt, that cannot be sampled with.
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
  // Sums with the number of a sequence stay exact.
  const firstSequenceId = (options.firstSequenceId ?? 0) % MAX_SEQUENCES;
  return { prompts: lists, options: { ...options, firstSequenceId } };
}

function problemOfPrompts(prompts: readonly (readonly number[])[], vocabSize: number): string | false {
  const isId = (id: number): boolean => isCount(id, 0) && id < vocabSize;
  const odd = prompts.findIndex((ids) => ids.length === 0 || !ids.every(isId));
  return odd >= 0 && `prompt ${odd} is empty or has ids that are not below ${vocabSize}`;
}

function problemsOfOptions(
  options: SampleOptions,
  vocabSize: number,
): Readonly<Record<string, string | false>> {
  const {
    groupSize = 1,
    maxNew,
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
    maxNew: !isCount(maxNew, 1) && `maxNew is ${shownValue(maxNew)}, not a positive integer`,
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

/** What ends a completion. */
export interface SamplerOptions {
  /** The id that ends a completion, its tokenizer's `eos`; null for completions that only `maxNew` ends. */
  readonly eos: number | null;
}

/** An id that no model draws. */
const NEVER = 2 ** 32 - 1;

/** Return the id that the GPU compares with. @throws MathformerError for what is neither an id nor null. */
export function endId(eos: SamplerOptions['eos']): number {
  if (eos === null) return NEVER;
  if (isNumber(eos) && isCount(eos, 0) && eos < 2 ** 32) return eos;
  throw new MathformerError(`eos is ${shownValue(eos)}, not a token id`, {
    code: 'BAD_OPTION',
    where: 'Sampler',
    fix: "give the tokenizer's eos, or null for completions that only maxNew ends",
  });
}
