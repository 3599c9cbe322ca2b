/**
 * Checks results of workers: the trainer scores the tokens that came back with its own weights, and replays the noise that drew
 * them. A token is a function of weights, seed, sequence and position, so no worker can choose one. What rounding explains is
 * let pass; a share of the groups, which no worker can foresee, is computed again. Only groups, not whole results, as the job waits
 * for the check.
 */
import type { Completion, CompletionSampler } from '../../model/completions.ts';
import { replayCompletions } from '../../model/replay.ts';
import type { Transformer } from '../../model/transformer.ts';
import type { SampledPrompts } from '../protocol/result.ts';
import type { WorkersMode } from '../protocol/spec.ts';
import { type WorkerId, workerName } from '../protocol/subjects.ts';
import {
  type Agreement,
  agreementsOf,
  type CompletionAgreement,
  problemOfCompletion,
  roundingScale,
  totalOf,
} from './agreement.ts';
import { firstDifference } from './sameBits.ts';
import { Tolerances } from './tolerance.ts';

/** Options of a verifier. */
export interface VerifierOptions {
  /** The trainer's class of machine. */
  readonly class: string;
  /** The kinds of workers that the run takes. In `same-class`, results are of the trainer's class, whatever a worker says. */
  readonly mode: WorkersMode;
  readonly matmulPrecision: 'highest' | 'medium';
  /**
   * Share of the groups, the completions of a prompt in a result, that are computed again. Of another class than the trainer's,
   * whose bits differ, as large a share of the results is replayed whole. Default: 0.02.
   */
  readonly spotChecks?: number | undefined;
  /** Share of the completions that are replayed of a worker whose first results were all honest. Default: 0.25. */
  readonly replayed?: number | undefined;
  /** Returns random numbers from 0 to 1 that no worker can foresee. Default: of the platform's cryptography. */
  readonly random?: (() => number) | undefined;
}

/** A result to check. It has passed `readResult`. */
export interface ReceivedResult {
  /** A model with the weights of the item's version, on the trainer's device. They must not change meanwhile. */
  readonly model: Transformer;
  /** Samples from this model, on the trainer's device. */
  readonly sampler: CompletionSampler;
  readonly item: SampledPrompts;
  readonly completions: readonly Completion[];
  readonly worker: WorkerId;
  /** True to compute the item again: another result of it differs. */
  readonly isDisputed?: boolean | undefined;
  /** The class of the worker's machine. */
  readonly class: string;
}

/** The outcome of a check. */
export interface Verdict {
  /** Why the result must not be taken. */
  readonly problem?: string | undefined;
  /** True if no honest worker sends such a result: its key is to be banned. */
  readonly isLie?: boolean | undefined;
  /** Differences of the completions that were looked at. */
  readonly figures: Agreement;
  /** The item's completions as the trainer computes them, if it computed all. */
  readonly own?: Completion[] | undefined;
}

/** A worker's first results, of which every completion is replayed. */
const PROBATION = 16;
/** Doubtful results that a worker may have, and further ones as a share of its results. */
const MOST_DOUBTS = 2;
const DOUBTFUL_SHARE = 0.02;
/** Workers that are remembered. One that is forgotten begins anew. */
const MOST_REMEMBERED = 10_000;
/** A result of another class is a lie if more completions than this share fail, and more than one. */
const FAILING_SHARE = 0.05;

interface Reputation {
  results: number;
  doubtful: number;
}

/** A result after a look at its tokens: a verdict, or which groups have to be computed again. */
type Look =
  | { readonly verdict: Verdict }
  | {
      readonly agreements: readonly CompletionAgreement[];
      readonly suspicion: string | undefined;
      /** The prompts whose completions are computed again. */
      readonly prompts: readonly number[];
    };

/**
 * Checks results: looks at one after another, so that their memory is bounded, and computes one after another again, which may
 * take as long as a rollout and holds up no look.
 */
export class Verifier {
  readonly #class: string;
  readonly #mode: WorkersMode;
  readonly #tolerances: Tolerances;
  readonly #spotChecks: number;
  readonly #replayed: number;
  readonly #random: () => number;
  readonly #reputations = new Map<string, Reputation>();
  #looking: Promise<unknown> = Promise.resolve();
  #computing: Promise<unknown> = Promise.resolve();

  constructor(options: VerifierOptions) {
    this.#class = options.class;
    this.#mode = options.mode;
    this.#tolerances = new Tolerances(options.class, options.matmulPrecision);
    this.#spotChecks = options.spotChecks ?? 0.02;
    this.#replayed = options.replayed ?? 0.25;
    this.#random = options.random ?? secretRandom;
  }

  /** Check a result. @throws what the device throws, if it fails. */
  async check(result: ReceivedResult): Promise<Verdict> {
    const looking = this.#looking.then(() => this.#look(result));
    this.#looking = looking.catch(() => {});
    const look = await looking;
    if ('verdict' in look) return look.verdict;
    const computing = this.#computing.then(() => this.#compare(result, look));
    this.#computing = computing.catch(() => {});
    return computing;
  }

  async #look(result: ReceivedResult): Promise<Look> {
    const reputation = this.#reputationOf(result.worker);
    reputation.results++;
    const isOwnClass = this.#classOf(result) === this.#class;
    const groups = result.item.prompts.length;
    const spots = isOwnClass ? this.#spots(groups) : [];
    const isWhole =
      result.isDisputed === true ||
      reputation.results <= PROBATION ||
      (!isOwnClass && this.#random() < this.#spotChecks);
    const indices = this.#replayedIndices(result, isWhole, spots);
    const agreements = await replayed(result, indices);
    const problems = this.#problemsOf(result, agreements);
    const [problem] = problems;
    if (isOwnClass) {
      // A suspect is computed again whole: the item is done then.
      const isSuspect = problem !== undefined || result.isDisputed === true;
      const prompts = isSuspect ? upTo(groups) : spots;
      if (prompts.length > 0) return { agreements, suspicion: problem, prompts };
      return { verdict: { figures: totalOf(agreements) } };
    }
    if (problem === undefined) {
      if (isWhole) this.#learn(result, agreements);
      return { verdict: { figures: totalOf(agreements) } };
    }
    const isClear = problems.length > Math.max(1, FAILING_SHARE * indices.length);
    if (!isClear) reputation.doubtful++;
    const isLie = isClear || reputation.doubtful > MOST_DOUBTS + DOUBTFUL_SHARE * reputation.results;
    return { verdict: { problem, isLie, figures: totalOf(agreements) } };
  }

  /** Choose the groups of a result that are computed again. */
  #spots(groups: number): number[] {
    return chosen(groups, Math.floor(groups * this.#spotChecks + this.#random()), this.#random);
  }

  /** Choose the completions of a result that are replayed: all, or a share and those of some groups. */
  #replayedIndices(
    { item, completions }: ReceivedResult,
    isWhole: boolean,
    groups: readonly number[],
  ): number[] {
    const all = completions.length;
    if (isWhole) return upTo(all);
    const share = chosen(all, Math.max(1, Math.ceil(this.#replayed * all)), this.#random);
    const wanted = new Set(share);
    for (const group of groups)
      for (const member of upTo(item.sampling.groupSize))
        wanted.add(group * item.sampling.groupSize + member);
    return [...wanted].sort((a, b) => a - b);
  }

  /** Compute completions again. The bits of a machine of the same class are the same, whatever their replay says. */
  async #compare(
    result: ReceivedResult,
    { agreements, suspicion, prompts }: Exclude<Look, { verdict: Verdict }>,
  ): Promise<Verdict> {
    const expected = await computedAgain(result, prompts);
    const difference = firstDifference(result.completions, expected);
    const figures = totalOf(agreements);
    const own = prompts.length === result.item.prompts.length ? expected : undefined;
    if (difference === undefined) {
      // What was not computed again may be a lie within the tolerance, which must not grow by it.
      const { groupSize } = result.item.sampling;
      this.#learn(
        result,
        agreements.filter(({ index }) => prompts.includes(Math.floor(index / groupSize))),
      );
      return { figures, own };
    }
    const problem = suspicion ?? `the trainer computed it again, and ${difference}`;
    return { problem, isLie: true, figures, own };
  }

  #classOf(result: ReceivedResult): string {
    return this.#mode === 'same-class' ? this.#class : result.class;
  }

  #problemsOf(result: ReceivedResult, agreements: readonly CompletionAgreement[]): string[] {
    const tolerance = this.#tolerances.of(this.#classOf(result));
    const scale = roundingScale(result.item.sampling);
    return agreements.flatMap((agreement) => problemOfCompletion(agreement, tolerance, scale) ?? []);
  }

  #learn(result: ReceivedResult, agreements: readonly CompletionAgreement[]): void {
    this.#tolerances.learn(this.#classOf(result), agreements, roundingScale(result.item.sampling));
  }

  #reputationOf(worker: WorkerId): Reputation {
    const name = workerName(worker);
    const known = this.#reputations.get(name) ?? { results: 0, doubtful: 0 };
    // Those heard last stand last.
    this.#reputations.delete(name);
    this.#reputations.set(name, known);
    const [oldest] = this.#reputations.keys();
    if (this.#reputations.size > MOST_REMEMBERED && oldest !== undefined) this.#reputations.delete(oldest);
    return known;
  }
}

async function replayed(
  { model, item, completions }: ReceivedResult,
  indices: readonly number[],
): Promise<CompletionAgreement[]> {
  const replay = await replayCompletions(model, item.prompts, completions, item.sampling, indices);
  return agreementsOf(completions, indices, replay);
}

/**
 * Return a result in which the completions of some prompts are those of the trainer's device. All prompts take one call, some take one
 * call each.
 */
async function computedAgain(
  { item: { prompts, sampling }, completions, sampler }: ReceivedResult,
  indices: readonly number[],
): Promise<Completion[]> {
  if (indices.length === prompts.length) return sampler.generate(prompts, sampling);
  const { groupSize, firstSequenceId } = sampling;
  const computed = [...completions];
  for (const prompt of indices) {
    const start = prompt * groupSize;
    const group = await sampler.generate(prompts.slice(prompt, prompt + 1), {
      ...sampling,
      firstSequenceId: firstSequenceId + start,
    });
    computed.splice(start, groupSize, ...group.map((completion) => ({ ...completion, prompt })));
  }
  return computed;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Choose indices below `count` at random, in order. */
function chosen(count: number, wanted: number, random: () => number): number[] {
  const left = upTo(count);
  if (wanted >= count) return left;
  const taken = Array.from({ length: wanted }, () => {
    const [index = 0] = left.splice(Math.floor(random() * left.length), 1);
    return index;
  });
  return taken.sort((a, b) => a - b);
}

/** Return a random number from 0 to 1 that nobody can foresee: a worker that could would be honest whenever it is checked. */
function secretRandom(): number {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word / 2 ** 32;
}
