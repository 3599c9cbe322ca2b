/**
 * Batched generation with a KV cache, on the GPU from prompt to end. Prompts are packed, computed once, and copied to their
 * groups. Narrow models on a GPU append a chunk of tokens in one dispatch; otherwise a decoding step is recorded once per
 * batch size and replayed. Sampling, random numbers and end detection stay on
 * the GPU. Every `CHUNK` tokens the CPU reads which sequences are finished, and removes them from the batch.
 */
import { expectNames } from '../base/arguments.ts';
import { GpuError, problemOf } from '../base/errors.ts';
import type { BufferView } from '../gpu/buffers.ts';
import type { Device, Recording } from '../gpu/device.ts';
import { appendChunk } from '../kernels/chunk/index.ts';
import { newestTokens } from '../kernels/decode/index.ts';
import { defaultsOf } from '../kernels/defaults.ts';
import { NO_ROW } from '../kernels/rows.ts';
import { encodeSettings, sampleTokens } from '../kernels/sampling/index.ts';
import { noGrad, Packing, Tensor, takeRows } from '../tensor/index.ts';
import { ChunkWeights } from './chunkWeights.ts';
import {
  type Completion,
  type CompletionSampler,
  checkedSampling,
  endId,
  type SampleOptions,
  type SamplerOptions,
} from './completions.ts';
import { generationParts, mostSlots, neededRoom } from './generationParts.ts';
import { mostTokens } from './microBatches.ts';
import { ROW_STEP, type Room, SLOT_WORDS, Workspace } from './samplerWorkspace.ts';
import type { Transformer } from './transformer.ts';

export type { Completion, CompletionSampler, SampleOptions, SamplerOptions } from './completions.ts';

/** Number of tokens between two reads of the finished sequences. */
export const CHUNK = 16;

/** Generate completions from a model's current weights, on the model's device. */
export class Sampler implements CompletionSampler {
  readonly model: Transformer;
  readonly #device: Device;
  readonly #eos: number;
  /** Packed weights, if chunks of tokens take one dispatch. */
  readonly #chunks: ChunkWeights | undefined;
  #workspace: Workspace | undefined;
  /** Number of sequences that the memory limit allows together, as far as known. */
  #affordable = Number.POSITIVE_INFINITY;
  /** Settles when the workspace is free. */
  #idle: Promise<unknown> = Promise.resolve();

  /** @throws MathformerError if `eos` is neither an id nor null. */
  constructor(model: Transformer, options: SamplerOptions) {
    expectNames('Sampler', options, ['eos']);
    this.model = model;
    this.#eos = endId(options.eos);
    this.#device = model.device;
    this.#chunks = ChunkWeights.of(model);
  }

  /**
   * Sample `groupSize` completions of every prompt, in order. A batch that exceeds a binding or the device's memory limit is
   * generated in parts, with the same completions. Calls run one after another.
   * @throws GpuError if a single sequence does not fit; MathformerError for invalid options.
   */
  async generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    const { prompts: copies, options: checked } = checkedSampling(
      prompts,
      options,
      this.model.config.vocabSize,
    );
    const turn = this.#idle.then(() => this.#inParts(copies, checked));
    this.#idle = turn.catch(() => {});
    return turn;
  }

  async #inParts(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    const { groupSize = 1, firstSequenceId = 0 } = options;
    const slots = Math.min(
      this.#affordable,
      this.#mostSlots(neededRoom(prompts, options, this.#chunks !== undefined)),
    );
    const most = { slots, rows: mostTokens(this.model) };
    const completions: Completion[] = [];
    for (const { first, count, member, members } of generationParts(prompts, groupSize, most)) {
      const completed = await this.#part(prompts.slice(first, first + count), {
        ...options,
        groupSize: members,
        firstSequenceId: firstSequenceId + first * groupSize + member,
      });
      for (const completion of completed) {
        completions.push({ ...completion, prompt: first + completion.prompt });
      }
    }
    return completions;
  }

  /** Generate at once, or in halves if that exceeds the memory limit, as passes through the model need memory too. */
  async #part(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    const slots = prompts.length * (options.groupSize ?? 1);
    if (slots > this.#affordable) return this.#inParts(prompts, options);
    try {
      return await this.#generate(prompts, options);
    } catch (error) {
      if (!(error instanceof GpuError) || error.code !== 'OUT_OF_MEMORY') throw error;
      this.dispose();
      // Unlike the limit, a refusal by the driver is final.
      const limited = Number.isFinite(this.#device.memory().availableBytes);
      if (slots === 1 || !limited) throw outOfMemory(error, slots, limited);
      this.#affordable = Math.ceil(slots / 2);
      return this.#inParts(prompts, options);
    }
  }

  /** Return the number of sequences that fit the device's memory besides the buffers of earlier ones. */
  #mostSlots(room: Omit<Room, 'slots'>): number {
    const available = this.#device.memory().availableBytes + (this.#workspace?.bytes ?? 0);
    return mostSlots(this.model, room, available);
  }

  async #generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    const { groupSize = 1, maxNewTokens, firstSequenceId = 0 } = options;
    const slots = prompts.length * groupSize;
    const workspace = this.#prepare(prompts, slots, options);
    noGrad(() => this.#prefill(workspace, prompts, groupSize, firstSequenceId));
    const first = { slots, generated: 1, maxNewTokens, firstSequenceId };
    if (defaultsOf(this.#device).chunksAhead) await this.#appendAhead(workspace, first);
    else await this.#append(workspace, first);
    return this.#collect(workspace, slots, groupSize);
  }

  /** Append chunks of tokens until all sequences are finished, without those that were finished when their chunk begins. */
  async #append(workspace: Workspace, { slots, generated, maxNewTokens, firstSequenceId }: Progress) {
    let live = allOf(slots);
    for (let count = generated; count < maxNewTokens; count += CHUNK) {
      live = unfinished(live, await this.#readState(workspace, slots));
      if (live.length === 0) return;
      this.#chunk(workspace, live, Math.min(CHUNK, maxNewTokens - count), firstSequenceId);
    }
  }

  /**
   * The same without waiting for a chunk before the next one is enqueued, so that the adapter always has work. Finished
   * sequences stay for a chunk more.
   */
  async #appendAhead(
    workspace: Workspace,
    { slots, generated, maxNewTokens, firstSequenceId }: Progress,
  ): Promise<void> {
    let live = allOf(slots);
    let earlier: Promise<Uint32Array> | undefined;
    for (let count = generated; count < maxNewTokens && live.length > 0; count += CHUNK) {
      this.#chunk(workspace, live, Math.min(CHUNK, maxNewTokens - count), firstSequenceId);
      if (count + CHUNK >= maxNewTokens) break;
      const state = this.#readState(workspace, slots);
      state.catch(() => {}); // whoever awaits it sees the failure; an earlier one may end the loop before
      if (earlier) live = unfinished(live, await earlier);
      earlier = state;
    }
  }

  /** Enqueue `tokens` tokens of these slots. */
  #chunk(workspace: Workspace, live: readonly number[], tokens: number, firstSequenceId: number): void {
    const { rows, state, ids, cache, before, settings, samples, kept, room } = workspace;
    const M = this.#setRows(rows, live, firstSequenceId);
    if (this.#chunks && cache && before) {
      this.#device.copy(state, before, before.bytes);
      const weights = this.#chunks.view();
      const views = { weights, rows, settings, before, slots: state, cache, samples, kept };
      const size = { ...room, M: live.length, tokens, eos: this.#eos };
      appendChunk(this.#device, this.#chunks.form, views, size);
    } else {
      newestTokens(this.#device, { slots: state, rows, ids }, M);
      const step = this.#step(workspace, M);
      for (let i = 0; i < tokens; i++) step.replay();
    }
    this.#device.flush();
  }

  /** Free the caches and packed weights, but not the model. */
  dispose(): void {
    this.#chunks?.dispose();
    this.#disposeWorkspace();
  }

  #disposeWorkspace(): void {
    this.#workspace?.dispose();
    this.#workspace = undefined;
  }

  /** Return buffers for this batch: those of the last batch if they are large enough. */
  #prepare(prompts: readonly (readonly number[])[], slots: number, options: SampleOptions): Workspace {
    const { topK = 0, topP = 1, minP = 0 } = options;
    const needed = { slots, ...neededRoom(prompts, options, this.#chunks !== undefined) };
    let workspace = this.#workspace;
    if (!workspace?.fits(needed)) {
      // Make them large enough for this batch and the last one, so that both can alternate, unless that is too much.
      const before = workspace?.room ?? needed;
      const both = {
        ...needed,
        slots: Math.max(slots, before.slots),
        capacity: Math.max(needed.capacity, before.capacity),
      };
      const room = both.slots <= this.#mostSlots(both) ? both : needed;
      this.#disposeWorkspace();
      workspace = new Workspace(this.model, room);
      this.#workspace = workspace;
    }
    this.#device.upload(workspace.settings, encodeSettings({ ...options, topK, topP, minP }));
    return workspace;
  }

  /** Compute the prompts, fill the caches, and sample the first token of every sequence. */
  #prefill(
    workspace: Workspace,
    prompts: readonly (readonly number[])[],
    groupSize: number,
    firstSequenceId: number,
  ): void {
    const device = this.#device;
    using _ = device.scope();
    const packing = new Packing(prompts.map((prompt) => prompt.length));
    const places = Tensor.from(
      device,
      Uint32Array.from(
        prompts.flatMap((prompt, i) => prompt.flatMap((_, position) => [i * groupSize, position])),
      ),
    );
    const { caches: layers, room } = workspace;
    const { capacity } = room;
    const cache = { kind: 'prefill', layers, capacity, places: places.view, groupSize } as const;
    const tokens = Tensor.from(device, Uint32Array.from(prompts.flat()));
    const hidden = this.model.hidden(tokens, packing, { cache });
    const last = Uint32Array.from(packing.offsets.slice(1), (end) => end - 1);
    const logits = this.model.logits(takeRows(hidden, last), { cache });
    const slots = prompts.flatMap(({ length }, prompt) =>
      Array.from({ length: groupSize }, () => ({ prompt, length })),
    );
    const state = slots.flatMap(({ length }) => [length - 1, 0, 0, 0]);
    device.upload(workspace.state, Uint32Array.from(state));
    const table = slots.flatMap(({ prompt }, slot) => [slot, prompt, firstSequenceId + slot, 0]);
    device.upload(workspace.rows, Uint32Array.from(table));
    this.#sample(workspace, logits, slots.length);
  }

  /** Upload the sequences of the rows of the next steps, and return the number of rows. The last ones may be empty. */
  #setRows(rows: BufferView, live: readonly number[], firstSequenceId: number): number {
    const M = Math.ceil(live.length / ROW_STEP) * ROW_STEP;
    const table = new Uint32Array(M * 4).fill(NO_ROW);
    live.forEach((slot, row) => {
      table.set([slot, row, firstSequenceId + slot, 0], row * 4);
    });
    this.#device.upload(rows, table);
    return M;
  }

  /** Return the recorded step that appends one token to each of M rows. */
  #step(workspace: Workspace, M: number): Recording {
    let step = workspace.steps.get(M);
    if (!step) {
      const ids = new Tensor(this.#device, { ...workspace.ids, bytes: M * 4 }, [M], 'u32');
      ids.bounds = { low: 0, high: this.model.config.vocabSize - 1 }; // they were sampled
      step = this.#device.record(() => noGrad(() => this.#decode(workspace, ids, M)));
      workspace.steps.set(M, step);
    }
    return step;
  }

  #decode(workspace: Workspace, ids: Tensor, M: number): void {
    const { caches: layers, room, state: slots, rows } = workspace;
    const cache = { kind: 'decode', layers, capacity: room.capacity, slots, rows } as const;
    const hidden = this.model.hidden(ids, new Packing([M]), { cache });
    this.#sample(workspace, this.model.logits(hidden, { cache }), M);
  }

  #sample(workspace: Workspace, logits: Tensor, M: number): void {
    const { rows, settings, state: slots, samples, ids, kept } = workspace;
    const { maxNewTokens } = workspace.room;
    const views = { logits: logits.view, rows, settings, slots, samples, ids, kept };
    sampleTokens(this.#device, views, {
      M,
      V: this.model.config.vocabSize,
      maxNewTokens,
      eos: this.#eos,
    });
  }

  async #readState({ state }: Workspace, slots: number): Promise<Uint32Array> {
    return new Uint32Array(await this.#device.read({ ...state, bytes: slots * SLOT_WORDS * 4 }));
  }

  async #collect(workspace: Workspace, slots: number, groupSize: number): Promise<Completion[]> {
    const { results, state, samples, kept } = workspace;
    const { maxNewTokens } = workspace.room;
    const words = Math.ceil(this.model.config.vocabSize / 32);
    // Up to the last word of these slots.
    const end = kept
      ? kept.offset + slots * maxNewTokens * words * 4
      : samples.offset + slots * maxNewTokens * 8;
    const bytes = await this.#device.read({ ...results, bytes: end - results.offset });
    const startOf = (view: BufferView): number => (view.offset - results.offset) / 4;
    const integers = new Uint32Array(bytes);
    const samplesOf = {
      tokens: integers.subarray(startOf(samples)),
      logps: new Float32Array(bytes).subarray(startOf(samples)),
    };
    const states = integers.subarray(startOf(state));
    const masks = kept && integers.subarray(startOf(kept));
    return Array.from({ length: slots }, (_, slot) => {
      const count = states[slot * SLOT_WORDS + 1] ?? 0;
      const start = slot * maxNewTokens;
      const tokens = Array.from({ length: count }, (_, i) => samplesOf.tokens[(start + i) * 2] ?? 0);
      return {
        prompt: Math.floor(slot / groupSize),
        tokens,
        logps: Float32Array.from(tokens, (_, i) => samplesOf.logps[(start + i) * 2 + 1] ?? 0),
        finished: tokens.at(-1) === this.#eos,
        ...(masks ? { kept: masks.slice(start * words, (start + count) * words) } : {}),
      };
    });
  }
}

/** The progress of a generation. */
interface Progress {
  readonly slots: number;
  /** Number of tokens of each sequence so far. */
  readonly generated: number;
  readonly maxNewTokens: number;
  readonly firstSequenceId: number;
}

const allOf = (slots: number): readonly number[] => Array.from({ length: slots }, (_, slot) => slot);

/** Return the slots whose sequence is not finished. */
const unfinished = (slots: readonly number[], state: Uint32Array): readonly number[] =>
  slots.filter((slot) => state[slot * SLOT_WORDS + 2] === 0);

function outOfMemory(cause: GpuError, slots: number, limited: boolean): GpuError {
  const what = slots === 1 ? 'a sequence' : `${slots} sequences`;
  return new GpuError(
    `generating ${what} does not fit the memory: ${problemOf(cause)}`,
    {
      code: 'OUT_OF_MEMORY',
      where: 'sampler',
      fix: `generate ${slots === 1 ? '' : 'fewer or '}shorter sequences${limited ? ', or raise the memory limit' : ''}`,
    },
    { cause },
  );
}
