/** Completions that were sampled once, for workers that only pretend to sample: their bits are right, and their speed is set. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Completion, CompletionSampler } from '../../src/model/completions.ts';

const recordedSchema = z.array(
  z.tuple([
    z.int(),
    z.object({ tokens: z.array(z.int()), logps: z.array(z.number()), finished: z.boolean() }),
  ]),
);

type Recorded = Omit<Completion, 'prompt'>;

/** Completions by the ids of their sequences. */
export class RecordedCompletions {
  readonly #bySequence = new Map<number, Recorded>();

  /** Read what `toJSON` returned. @throws Error for anything else. */
  static parse(text: string): RecordedCompletions {
    const recorded = new RecordedCompletions();
    for (const [id, { logps, ...rest }] of recordedSchema.parse(JSON.parse(text)))
      recorded.#bySequence.set(id, { ...rest, logps: Float32Array.from(logps) });
    return recorded;
  }

  toJSON(): z.input<typeof recordedSchema> {
    return Array.from(this.#bySequence, ([id, { tokens, logps, finished }]) => [
      id,
      { tokens: [...tokens], logps: [...logps], finished },
    ]);
  }

  /** Number of tokens of all completions. */
  get tokens(): number {
    return [...this.#bySequence.values()].reduce((sum, { tokens }) => sum + tokens.length, 0);
  }

  /** Keep what a sampler generates. */
  recording(sampler: CompletionSampler): CompletionSampler {
    return {
      generate: async (prompts, options) => {
        const completions = await sampler.generate(prompts, options);
        for (const [i, { prompt: _, ...completion }] of completions.entries())
          this.#bySequence.set((options.firstSequenceId ?? 0) + i, completion);
        return completions;
      },
      dispose: () => sampler.dispose(),
    };
  }

  /** Make a sampler that answers with what was recorded, at a speed. @throws Error for a sequence that was not recorded. */
  sampler(tokensPerSecond: number): CompletionSampler {
    return {
      generate: async (prompts, { groupSize = 1, firstSequenceId = 0 }) => {
        const completions = Array.from({ length: prompts.length * groupSize }, (_, i) => ({
          ...this.#of(firstSequenceId + i),
          prompt: Math.floor(i / groupSize),
        }));
        const tokens = completions.reduce((sum, completion) => sum + completion.tokens.length, 0);
        const seconds = tokens / tokensPerSecond;
        if (seconds > 0) await sleep(1000 * seconds);
        return completions;
      },
      dispose: () => {},
    };
  }

  #of(id: number): Recorded {
    const recorded = this.#bySequence.get(id);
    if (!recorded) throw new Error(`sequence ${id} was not recorded`);
    return recorded;
  }
}
