/** Results that an honest worker never sends, as clever as can be: their form is right, and their log-probabilities are those of their tokens. */
import type { WireSampling } from '../../../src/cluster/protocol/messages.ts';
import { replayCompletions } from '../../../src/model/replay.ts';
import type { Completion, CompletionSampler } from '../../../src/model/sampler.ts';
import type { Transformer } from '../../../src/model/transformer.ts';

/** A worker's weights of the item, and a sampler for them. */
export interface Machine {
  readonly model: Transformer;
  readonly sampler: CompletionSampler;
  readonly eos: number;
}

/** An item, and its honest completions. */
export interface Work {
  readonly prompts: readonly (readonly number[])[];
  readonly sampling: WireSampling;
  readonly completions: readonly Completion[];
}

/** A place in a result. Numbers are taken modulo what there is. */
export interface Place {
  readonly completion: number;
  readonly token: number;
  readonly id: number;
}

/** Choose a token freely, then continue as the noise says, and report true log-probabilities. */
export async function chooseToken(
  { model, sampler, eos }: Machine,
  work: Work,
  place: Place,
): Promise<Completion[]> {
  const { prompts, sampling, completions } = work;
  const index = place.completion % completions.length;
  const honest = completions[index];
  if (!honest) throw new Error('no completions');
  const at = place.token % honest.tokens.length;
  const taken = honest.tokens[at] ?? 0;
  // Another id than the one that was drawn.
  const id = (taken + 1 + (place.id % (model.config.vocabSize - 1))) % model.config.vocabSize;
  const start = [...honest.tokens.slice(0, at), id];
  const left = sampling.maxNewTokens - start.length;
  const rest =
    id === eos || left === 0
      ? []
      : await sampler.generate([[...(prompts[honest.prompt] ?? []), ...start]], {
          ...sampling,
          groupSize: 1,
          maxNewTokens: left,
          firstSequenceId: (sampling.firstSequenceId + index) % 2 ** 32,
        });
  const [continued] = rest;
  const tokens = [...start, ...(continued?.tokens ?? [])];
  const words = Math.ceil(model.config.vocabSize / 32);
  const kept = honest.kept && new Uint32Array(tokens.length * words);
  if (kept && honest.kept) {
    kept.set(honest.kept.subarray(0, (at + 1) * words));
    kept[at * words + Math.floor(id / 32)] = (kept[at * words + Math.floor(id / 32)] ?? 0) | (1 << (id % 32));
    kept.set(continued?.kept ?? [], (at + 1) * words);
  }
  const changed = {
    prompt: honest.prompt,
    tokens,
    logps: new Float32Array(tokens.length),
    finished: tokens.at(-1) === eos,
    ...(kept && { kept }),
  };
  const lie = completions.with(index, changed);
  const { logps } = await replayCompletions(model, prompts, lie, sampling, [index]);
  return lie.with(index, { ...changed, logps: logps.map((logp) => Math.min(0, logp)) });
}

/** Add to one log-probability, away from 0. */
export function editLogp({ completions }: Work, { completion, token }: Place, amount: number): Completion[] {
  return completions.map((one, i) => {
    if (i !== completion % completions.length) return one;
    const logps = one.logps.slice();
    const at = token % logps.length;
    logps[at] = (logps[at] ?? 0) - amount;
    return { ...one, logps };
  });
}

/** Keep one id more of those that the filters drop, or drop one that they keep, besides the token itself. */
export function editKept(
  { completions }: Work,
  { completion, token, id }: Place,
  vocabSize: number,
): Completion[] {
  const words = Math.ceil(vocabSize / 32);
  return completions.map((one, i) => {
    if (i !== completion % completions.length || !one.kept) return one;
    const kept = one.kept.slice();
    const at = token % one.tokens.length;
    const taken = one.tokens[at] ?? 0;
    const other = (taken + 1 + (id % (vocabSize - 1))) % vocabSize;
    const word = at * words + Math.floor(other / 32);
    kept[word] = ((kept[word] ?? 0) ^ (1 << (other % 32))) >>> 0;
    return { ...one, kept };
  });
}
