/** Splits a call of a sampler into work items: consecutive prompts with all their completions, or parts of a large group. */
import type { Completion } from '../../model/completions.ts';
import { type GenerationPart, generationParts } from '../../model/generationParts.ts';
import { MOST_JSON_BYTES, type WireSampling } from '../protocol/messages.ts';
import { mostResultBytes } from '../protocol/result.ts';
import { type Shares, sharedGroups } from './shares.ts';

type Prompts = readonly (readonly number[])[];

/** Number of sequences with different random numbers: their ids have 32 bits. */
const MOST_SEQUENCE_IDS = 2 ** 32;
/** Bytes of a token's id in JSON, with its comma, at most. */
const BYTES_PER_ID = 8;
/** Bytes of an item without its prompts, and of a message's subject and headers, at most. */
export const FRAME_BYTES = 4096;

/** A part of a call. */
export interface CallPart {
  readonly prompts: Prompts;
  /** Its number of completions of each prompt, and its first sequence. */
  readonly sampling: WireSampling;
  /** Index of its first prompt in the call. */
  readonly firstPrompt: number;
  /** Index of its first completion in the call, and their number. */
  readonly firstSequence: number;
  readonly sequences: number;
}

/** Limits of a part, and the machines that share the call. */
export interface PartLimits {
  /** Bytes that the server takes in one message. */
  readonly maxPayload: number;
  readonly vocabSize: number;
  /** Default: parts are as large as messages allow. */
  readonly shares?: Shares | undefined;
}

/** Split a call among machines, so that each part and its result fit a message, where a single completion does. */
export function splitCall(prompts: Prompts, sampling: WireSampling, limits: PartLimits): CallPart[] {
  const { groupSize, firstSequenceId } = sampling;
  const { maxPayload, vocabSize, shares } = limits;
  const fitting = Math.max(1, fittingSequences(sampling, { maxPayload, vocabSize }));
  const rows = Math.max(1, Math.floor((Math.min(maxPayload, MOST_JSON_BYTES) - FRAME_BYTES) / BYTES_PER_ID));
  const shared = shares
    ? sharedGroups(prompts.length, groupSize, shares)
    : [{ groups: prompts.length, pieces: 1 }];
  const parts: GenerationPart[] = [];
  let start = 0;
  for (const { groups, pieces } of shared) {
    const own = prompts.slice(start, start + groups);
    const slots = pieces > 1 ? Math.min(fitting, Math.ceil(groupSize / pieces)) : fitting;
    const split = generationParts(own, groupSize, { slots, rows });
    for (const part of split) parts.push({ ...part, first: start + part.first });
    start += groups;
  }
  return parts.map(({ first, count, member, members }) => ({
    prompts: prompts.slice(first, first + count),
    sampling: {
      ...sampling,
      groupSize: members,
      firstSequenceId: (firstSequenceId + first * groupSize + member) % MOST_SEQUENCE_IDS,
    },
    firstPrompt: first,
    firstSequence: first * groupSize + member,
    sequences: count * members,
  }));
}

/** Return the number of completions whose result fits a message; 0 if a single one may not. */
export function fittingSequences(
  sampling: WireSampling,
  { maxPayload, vocabSize }: Pick<PartLimits, 'maxPayload' | 'vocabSize'>,
): number {
  const none = mostResultBytes(0, sampling, vocabSize);
  const each = mostResultBytes(1, sampling, vocabSize) - none;
  return Math.max(0, Math.floor((maxPayload - FRAME_BYTES - none) / each));
}

/** Join the completions of a call's parts, in order. */
export function joinParts(
  parts: readonly { readonly part: CallPart; readonly completions: readonly Completion[] }[],
): Completion[] {
  return parts.flatMap(({ part, completions }) =>
    completions.map((completion) => ({ ...completion, prompt: part.firstPrompt + completion.prompt })),
  );
}
