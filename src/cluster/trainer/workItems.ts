/** Splits a call of a sampler into work items: consecutive prompts with all their completions, or parts of a large group. */
import type { Completion } from '../../model/completions.ts';
import { type GenerationPart, generationParts } from '../../model/generationParts.ts';
import { MOST_JSON_BYTES, type WireSampling } from '../protocol/messages.ts';
import { mostResultBytes } from '../protocol/result.ts';

type Prompts = readonly (readonly number[])[];

/** Number of sequences with different random numbers: their ids have 32 bits. */
const MOST_SEQUENCE_IDS = 2 ** 32;
/** Bytes of a token's id in JSON, with its comma, at most. */
const BYTES_PER_ID = 8;
/** Bytes of an item without its prompts, and of a message's subject and headers, at most. */
const FRAME_BYTES = 4096;

/** A part of a call. */
export interface CallPart {
  readonly prompts: Prompts;
  /** Its number of completions of each prompt, and its first sequence. */
  readonly sampling: WireSampling;
  /** Index of its first prompt in the call. */
  readonly firstPrompt: number;
  /** Number of its completions. */
  readonly sequences: number;
  /** True if it has all completions of its prompts. */
  readonly isWhole: boolean;
}

/** Limits of a part. */
export interface PartLimits {
  /** Bytes that the server takes in one message. */
  readonly maxPayload: number;
  readonly vocabSize: number;
  /** Wanted number of completions. A group is split only where its result would not fit a message. */
  readonly sequences: number;
  /** Number of machines that share the call. Default: 1. */
  readonly machines?: number | undefined;
}

/**
 * Split a call, so that each part and its result fit a message, where a single completion does. Parts become smaller towards the
 * end, so that all machines end together: each round gives every machine one, and leaves half of the work to later rounds
 * (factoring: Hummel, Schonberg and Flynn, 1992).
 */
export function splitCall(prompts: Prompts, sampling: WireSampling, limits: PartLimits): CallPart[] {
  const { groupSize, firstSequenceId } = sampling;
  const { maxPayload, vocabSize, machines = 1 } = limits;
  const fitting = fittingSequences(sampling, { maxPayload, vocabSize });
  const slots = Math.max(1, Math.min(fitting, Math.max(groupSize, limits.sequences)));
  const rows = Math.max(1, Math.floor((Math.min(maxPayload, MOST_JSON_BYTES) - FRAME_BYTES) / BYTES_PER_ID));
  const parts: GenerationPart[] = [];
  for (let first = 0; first < prompts.length; ) {
    const left = prompts.slice(first);
    const share = Math.ceil((left.length * groupSize) / (2 * machines));
    const round = machines > 1 ? Math.max(groupSize, Math.min(slots, share)) : slots;
    const split = generationParts(left, groupSize, { slots: Math.min(slots, round), rows });
    // The smallest parts take all that is left.
    const taken = machines > 1 && round > groupSize ? split.slice(0, machines) : split;
    parts.push(...taken.map((part) => ({ ...part, first: first + part.first })));
    const last = taken.at(-1);
    first += last ? last.first + last.count : left.length;
  }
  return parts.map(({ first, count, member, members }) => ({
    prompts: prompts.slice(first, first + count),
    sampling: {
      ...sampling,
      groupSize: members,
      firstSequenceId: (firstSequenceId + first * groupSize + member) % MOST_SEQUENCE_IDS,
    },
    firstPrompt: first,
    sequences: count * members,
    isWhole: members === groupSize,
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
