/** Cases for the tuner: kernels of decoding and of rows, with random operands. */
import type { Device } from '../gpu/device.ts';
import type { AnyTuningCase, TuningCase } from '../gpu/tuning.ts';
import type { Variant } from '../gpu/variants.ts';
import { decodeFamily } from './decode/index.ts';
import type { DecodeOptions } from './decode/state.ts';
import { zeroing } from './fill.ts';
import { layerNormForwardFamily, layerNormWholeBackwardFamily, PART_ROWS } from './layerNorm/index.ts';
import type {
  BackwardOptions as NormBackwardOptions,
  ForwardOptions as NormForwardOptions,
} from './layerNorm/operands.ts';
import { logSoftmaxGatherBackwardFamily, logSoftmaxGatherFamily } from './logSoftmaxGather/index.ts';
import type {
  BackwardOptions as GatherBackwardOptions,
  ForwardOptions as GatherForwardOptions,
} from './logSoftmaxGather/interface.ts';
import { encodeSettings, sampleFamily } from './sampling/index.ts';
import type { SampleOptions } from './sampling/interface.ts';
import { replayFamily } from './sampling/replay.ts';
import type { ReplayOptions } from './sampling/replayInterface.ts';
import { softmaxBackwardFamily, softmaxForwardFamily } from './softmax/index.ts';
import { type AttentionHeads, operands } from './tuningCases.ts';

/** Tokens of a sequence that is being decoded, and room for as many again. */
const LENGTH = 64;
/** Words of the state of a slot and of a row. */
const STATE_WORDS = 4;

/** Return a case of decode attention: M sequences, each in the middle of its room. */
export function decodeCase(
  M: number,
  { heads, kvHeads = heads, headDim, alibi }: AttentionHeads,
): TuningCase<DecodeOptions> {
  const capacity = 2 * LENGTH;
  return {
    family: decodeFamily,
    make: (device) => {
      const { floats, words } = operands(device);
      const cache = () => floats(M * kvHeads * capacity * headDim);
      return {
        shape: { M, heads, kvHeads, headDim, capacity },
        views: {
          qkv: floats(M * (heads + 2 * kvHeads) * headDim),
          slopes: alibi ? floats(heads) : undefined,
          slots: words(Array.from({ length: M }, () => [LENGTH, 1, 0, 0]).flat()),
          rows: words(Array.from({ length: M }, (_, row) => [row, row, row, 0]).flat()),
          keys: cache(),
          values: cache(),
          out: floats(M * heads * headDim),
        },
      };
    },
    outputs: ({ views }) => [views.out],
  };
}

/** The same variant, which draws the first token each time: afterwards it starts the sequences again. */
const fromTheStart = (variant: Variant<SampleOptions>): Variant<SampleOptions> => ({
  ...variant,
  plan: (device, options) => {
    const { views, size } = options;
    return { ...variant.plan(device, options), next: zeroing(views.slots, size.M * STATE_WORDS) };
  },
});

/** Return a case of sampling from M rows of V logits. */
export function sampleCase(M: number, V: number): TuningCase<SampleOptions> {
  const maxNewTokens = 2 * LENGTH;
  return {
    family: { ...sampleFamily, variants: sampleFamily.variants.map(fromTheStart) },
    make: (device) => {
      const { floats, words } = operands(device);
      const settings = device.allocate(encodeSettings(SETTINGS).byteLength);
      device.upload(settings, encodeSettings(SETTINGS));
      return {
        size: { M, V, maxNewTokens, eos: V },
        views: {
          ...{ logits: floats(M * V), settings, ids: words(new Array<number>(M).fill(0)) },
          rows: words(Array.from({ length: M }, (_, row) => [row, row, row, 0]).flat()),
          slots: words(new Array<number>(M * STATE_WORDS).fill(0)),
          samples: floats(M * maxNewTokens * 2),
        },
      };
    },
    outputs: ({ views }) => [views.ids],
  };
}

/** Return a case of replaying the draws of N tokens out of V. */
export function replayCase(N: number, V: number): TuningCase<ReplayOptions> {
  return {
    family: replayFamily,
    make: (device) => {
      const { floats, words } = operands(device);
      const settings = device.allocate(encodeSettings(SETTINGS).byteLength);
      device.upload(settings, encodeSettings(SETTINGS));
      return {
        size: { N, V },
        views: {
          ...{ logits: floats(N * V), settings, checks: floats(4 * N) },
          tokens: words(Array.from({ length: N }, (_, row) => (row * 7) % V)),
          places: words(
            Array.from({ length: N }, (_, row) => [row % LENGTH, Math.floor(row / LENGTH)]).flat(),
          ),
        },
      };
    },
    outputs: ({ views }) => [views.checks],
  };
}

const SETTINGS = { temperature: 1, topK: 0, topP: 1, seed: 0 } as const;

/** Return the cases of softmax over `rows` rows of `length` values, forward and backward. */
export function softmaxCases(rows: number, length: number): AnyTuningCase[] {
  const size = { outer: rows, length, inner: 1, logarithm: false };
  const values = (device: Device, names: readonly string[]) => {
    const { floats } = operands(device);
    return Object.fromEntries(names.map((name) => [name, floats(rows * length)]));
  };
  return [
    {
      family: softmaxForwardFamily,
      make: (device) => ({ size, views: values(device, ['x', 'y']) }),
      outputs: ({ views }) => [views.y],
    },
    {
      family: softmaxBackwardFamily,
      make: (device) => ({ size, views: values(device, ['y', 'dy', 'dx']) }),
      outputs: ({ views }) => [views.dx],
    },
  ];
}

/** A norm of rows. */
export interface NormShape {
  readonly R: number;
  readonly d: number;
  /** True for LayerNorm, false for RMSNorm. */
  readonly centred: boolean;
  readonly bias: boolean;
}

/** Return the cases of a norm with weights, forward and backward: in the latter with and without a gradient around the layer. */
export function normCases({ R, d, centred, bias }: NormShape): AnyTuningCase[] {
  const shape = { R, d, centred };
  const forward: TuningCase<NormForwardOptions> = {
    family: layerNormForwardFamily,
    make: (device) => {
      const { floats } = operands(device);
      const views = { x: floats(R * d), weight: floats(d), bias: bias ? floats(d) : undefined };
      return { ...shape, ...views, y: floats(R * d), stats: floats(2 * R), eps: 1e-5 };
    },
    outputs: ({ y, stats }) => [y, stats],
  };
  const backward = (around: boolean): TuningCase<NormBackwardOptions> => ({
    family: layerNormWholeBackwardFamily,
    make: (device) => {
      const { floats } = operands(device);
      const views = {
        x: floats(R * d),
        weight: floats(d),
        stats: floats(2 * R),
        dy: floats(R * d),
        dx: floats(R * d),
      };
      const options = { ...shape, ...views, residual: around ? floats(R * d) : undefined, weights: true };
      const counts = layerNormWholeBackwardFamily.variants
        .filter((variant) => variant.fits(device, options))
        .map((variant) => variant.partCount(device, options));
      return { ...options, parts: floats(Math.max(Math.ceil(R / PART_ROWS), ...counts) * 2 * d) };
    },
    // The parts differ in number.
    outputs: ({ dx }) => (dx ? [dx] : []),
  });
  return [forward, backward(false), backward(true)];
}

/** Return the cases of the log-probabilities of chosen ids in R rows of V logits, forward and backward. */
export function gatherCases(R: number, V: number): AnyTuningCase[] {
  const make = (device: Device) => {
    const { floats, words } = operands(device);
    const ids = words(Array.from({ length: R }, (_, row) => (row * 7) % V));
    const views = { logits: floats(R * V), ids, entropy: floats(R), lse: floats(R) };
    return { floats, shared: { ...views, R, V, inverseTemperature: 1 } };
  };
  const forward: TuningCase<GatherForwardOptions> = {
    family: logSoftmaxGatherFamily,
    make: (device) => {
      const { floats, shared } = make(device);
      return { ...shared, logp: floats(R) };
    },
    outputs: ({ logp, entropy, lse }) => [logp, entropy, lse],
  };
  const backward: TuningCase<GatherBackwardOptions> = {
    family: logSoftmaxGatherBackwardFamily,
    make: (device) => {
      const { floats, shared } = make(device);
      return { ...shared, dLogp: floats(R), dEntropy: floats(R), dLogits: floats(R * V) };
    },
    outputs: ({ dLogits }) => [dLogits],
  };
  return [forward, backward];
}
