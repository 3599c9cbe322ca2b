/** Split batches of generations into parts that a device can bind and hold. */

import type { SampleOptions } from './completions.ts';
import { mostTokens } from './microBatches.ts';
import { bytesPerSlot, RESULT_PADDING, ROW_STEP, type Room, SLOT_WORDS } from './samplerWorkspace.ts';
import type { Transformer } from './transformer.ts';

type Prompts = readonly (readonly number[])[];

/** Return the room that each sequence needs; `joined` if all caches lie in one buffer. */
export function neededRoom(
  prompts: Prompts,
  { maxNewTokens, topK = 0, topP = 1, minP = 0 }: SampleOptions,
  joined: boolean,
): Omit<Room, 'slots'> {
  const longest = prompts.reduce((most, { length }) => Math.max(most, length), 0);
  const capacity = Math.ceil((longest + maxNewTokens) / 32) * 32;
  return { capacity, maxNewTokens, filtered: topK > 0 || topP < 1 || minP > 0, joined };
}

/**
 * Return the maximum number of sequences, at least 1. The caches of a layer, or of all layers if they
 * are joined, the results and the rows of a decoding step must each
 * fit one binding, and all caches and samples half of the memory, as passes through the model need memory too.
 */
export function mostSlots(
  model: Transformer,
  room: Omit<Room, 'slots'>,
  availableBytes = Number.POSITIVE_INFINITY,
): number {
  const { capacity, maxNewTokens, filtered, joined } = room;
  const { vocabSize } = model.config;
  const widths = model.decoder.caches.map(({ width }) => width);
  const widest = joined ? 2 * widths.reduce((sum, width) => sum + width, 0) : Math.max(...widths);
  const sampled = 2 + (filtered ? Math.ceil(vocabSize / 32) : 0);
  const words = Math.max(capacity * widest, SLOT_WORDS + maxNewTokens * sampled);
  const bindable = model.device.limits.maxStorageBufferBindingSize / 4 - RESULT_PADDING;
  const bound = Math.floor(bindable / words);
  const held = Math.floor(availableBytes / 2 / bytesPerSlot(model, room));
  return Math.max(1, Math.min(bound, held, Math.floor(mostTokens(model) / ROW_STEP) * ROW_STEP));
}

/** Sequences that are generated together. */
export interface GenerationPart {
  /** The first of its prompts, and their number. */
  readonly first: number;
  readonly count: number;
  /** The first of its completions of each prompt, and their number: all, unless a group is too large. */
  readonly member: number;
  readonly members: number;
}

/** Split a batch into parts with limited numbers of sequences and rows of prompts, but at least one sequence. */
export function generationParts(
  prompts: Prompts,
  groupSize: number,
  most: { readonly slots: number; readonly rows: number },
): GenerationPart[] {
  if (groupSize > most.slots) {
    return prompts.flatMap((_, first) =>
      Array.from({ length: Math.ceil(groupSize / most.slots) }, (_, i) => {
        const member = i * most.slots;
        return { first, count: 1, member, members: Math.min(most.slots, groupSize - member) };
      }),
    );
  }
  const parts: GenerationPart[] = [];
  let [first, rows] = [0, 0];
  for (const [i, { length }] of prompts.entries()) {
    const full = (i + 1 - first) * groupSize > most.slots || rows + length > most.rows;
    if (i > first && full) {
      parts.push({ first, count: i - first, member: 0, members: groupSize });
      [first, rows] = [i, 0];
    }
    rows += length;
  }
  if (prompts.length > 0) parts.push({ first, count: prompts.length - first, member: 0, members: groupSize });
  return parts;
}
