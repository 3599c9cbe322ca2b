/** Replay the sampling of given completions by a forward pass, to check if a model and its noise give them. */
import { GpuError } from '../base/errors.ts';
import { encodeSettings, replaySamples, SETTINGS_BYTES } from '../kernels/sampling/index.ts';
import { noGrad, Tensor } from '../tensor/index.ts';
import type { Completion, SampleOptions } from './completions.ts';
import { mostTokens, partsOf } from './microBatches.ts';
import { packedLogits, type ScoredSequence, scoredCount, uploadSequences } from './score.ts';
import type { Transformer } from './transformer.ts';

/** Most tokens of a pass, so that the memory of a replay does not grow with its completions. */
const MOST_TOKENS = 4096;

/** The model's view of the tokens of completions, end to end. */
export interface Replay {
  /** The log-probability of each token in the distribution that it was sampled from. */
  readonly logps: Float32Array;
  /** The highest noisy logit of the kept ids less that of the token: 0 for the token that the sampler draws. */
  readonly margins: Float32Array;
  /** Distance that logits and log-masses would have to move for the filters to keep the ids that were kept: 0 if they do. */
  readonly filterGaps: Float32Array;
}

interface ReplayedSequence extends ScoredSequence {
  readonly id: number;
}

/**
 * Replay completions of prompts with a model's current weights: those of the `indices`, end to end. Completions are those of a
 * sampler, all in order; those sampled with a filter have `kept`. Logits are divided by the temperature first, so all values
 * are in its units.
 */
export async function replayCompletions(
  model: Transformer,
  prompts: readonly (readonly number[])[],
  completions: readonly Completion[],
  options: SampleOptions,
  indices: readonly number[] = completions.map((_, i) => i),
): Promise<Replay> {
  const { firstSequenceId = 0, topK = 0, topP = 1, minP = 0 } = options;
  const sequences = indices.flatMap((i): ReplayedSequence[] => {
    const completion = completions[i];
    if (!completion) return [];
    const before = prompts[completion.prompt] ?? [];
    const tokens = [...before, ...completion.tokens];
    return [{ id: firstSequenceId + i, tokens, from: before.length, kept: completion.kept }];
  });
  const settings = encodeSettings({ ...options, topK, topP, minP });
  const count = sequences.reduce((sum, sequence) => sum + scoredCount(sequence), 0);
  const replay = {
    logps: new Float32Array(count),
    margins: new Float32Array(count),
    filterGaps: new Float32Array(count),
  };
  let at = 0;
  for (const { sequences: part } of partsOf(sequences, Math.min(MOST_TOKENS, mostTokens(model)))) {
    const checks = await replayPart(model, part, settings);
    for (let i = 0; i < checks.length; i += 4, at++) {
      replay.logps[at] = checks[i] ?? 0;
      replay.margins[at] = checks[i + 1] ?? 0;
      replay.filterGaps[at] = checks[i + 2] ?? 0;
    }
  }
  return replay;
}

/** Return the checks (N,4) of sequences, in one pass, or in halves if that exceeds the memory limit. */
async function replayPart(
  model: Transformer,
  sequences: readonly ReplayedSequence[],
  settings: Uint8Array<ArrayBuffer>,
): Promise<Float32Array> {
  try {
    return new Float32Array(await launched(model, sequences, settings));
  } catch (error) {
    const isTooMuch = error instanceof GpuError && error.code === 'OUT_OF_MEMORY' && sequences.length > 1;
    if (!isTooMuch) throw error;
    const middle = Math.ceil(sequences.length / 2);
    const first = await replayPart(model, sequences.slice(0, middle), settings);
    const second = await replayPart(model, sequences.slice(middle), settings);
    return Float32Array.from([...first, ...second]);
  }
}

/** Launch a pass, and begin to read its checks. Its memory is free at once for what is launched later. */
function launched(
  model: Transformer,
  sequences: readonly ReplayedSequence[],
  settings: Uint8Array<ArrayBuffer>,
): Promise<ArrayBuffer> {
  const { device, config } = model;
  using _ = device.scope();
  const packed = uploadSequences(model, sequences);
  const logits = noGrad(() => packedLogits(model, packed));
  const N = packed.targets.size;
  const places = Tensor.from(device, placesOf(sequences, N));
  const settingsView = device.allocate(SETTINGS_BYTES);
  device.upload(settingsView, settings);
  const checks = Tensor.empty(device, [N, 4]);
  replaySamples(
    device,
    {
      logits: logits.view,
      tokens: packed.targets.view,
      places: places.view,
      settings: settingsView,
      kept: packed.kept?.view,
      checks: checks.view,
    },
    { N, V: config.vocabSize },
  );
  return device.read(checks.view);
}

/** Return the position and sequence id of each scored token. */
function placesOf(sequences: readonly ReplayedSequence[], count: number): Uint32Array<ArrayBuffer> {
  const places = new Uint32Array(2 * count);
  let at = 0;
  for (const { id, tokens, from } of sequences) {
    for (let position = from; position < tokens.length; position++) {
      places[at++] = position;
      places[at++] = id;
    }
  }
  return places;
}
