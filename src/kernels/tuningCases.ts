/** Cases for the tuner: products and attention of given shapes, with random operands. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { AnyTuningCase, TuningCase } from '../gpu/tuning.ts';
import {
  ATTENTION_TILE_ROWS,
  attentionForwardFamily,
  attentionKeyValueFamily,
  attentionQueryFamily,
} from './attention/index.ts';
import { defaultsOf } from './defaults.ts';
import { GROUP_ROWS, type MatmulOptions, matmulFamily } from './matmul/index.ts';
import { matmulOuterFamily } from './matmulOuter/index.ts';
import { type OuterOptions, partSize } from './matmulOuter/interface.ts';
import { splitOf } from './matmulOuter/split.ts';
import { randomValues } from './random.ts';
import { rectangularTiles } from './rectangularTiles.ts';

const FLOAT = 4;
const SEED = { seedLow: 0, seedHigh: 0 };

/** Return functions that make a view of `count` values in [-1, 1), and one of u32 words. */
export function operands(device: Device) {
  let offset = 0;
  return {
    floats: (count: number): BufferView => {
      const view = device.allocate(count * FLOAT);
      const draw = { ...SEED, offset: offset++ };
      randomValues(device, 'uniform', { y: view }, count, draw, { low: -1, high: 1 });
      return view;
    },
    words: (values: readonly number[]): BufferView => {
      const view = device.allocate(values.length * FLOAT);
      device.upload(view, new Uint32Array(values));
      return view;
    },
  };
}

/** The shape of a matrix product. */
export interface ProductShape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly bias?: boolean;
  readonly gelu?: boolean;
  readonly residual?: boolean;
  /** True if the result is multiplied by the derivative of GELU. */
  readonly derivative?: boolean;
  /** True if B are weights (N,K), which are transposed before where kernels do not read them so. */
  readonly weights?: boolean;
  /** Number of experts, with consecutive rows. */
  readonly groups?: number;
  /** True if the bits of a row must not depend on M. */
  readonly batchInvariant?: boolean;
}

/** Return a case of `matmul`. */
export function productCase({
  M,
  N,
  K,
  bias,
  gelu,
  residual,
  derivative,
  weights = false,
  groups = 0,
  batchInvariant,
}: ProductShape): TuningCase<MatmulOptions> {
  return {
    family: matmulFamily,
    make: (device) => {
      const { floats, words } = operands(device);
      const bTransposed = weights && defaultsOf(device).products === 'tile';
      const columns = bTransposed ? N : Math.ceil(N / 4) * 4;
      const tiles = Math.ceil(M / GROUP_ROWS);
      const group = (_: unknown, tile: number): number => Math.floor((tile * groups) / tiles);
      return {
        ...{ M, N, K, batchInvariant },
        a: floats(M * K),
        b: floats(Math.max(1, groups) * K * columns),
        bTransposed,
        c: floats(M * N),
        bias: bias ? floats(Math.max(1, groups) * N) : undefined,
        residual: residual ? floats(M * N) : undefined,
        geluOf: derivative ? floats(M * N) : undefined,
        pre: gelu ? floats(M * N) : undefined,
        groupOfTile: groups > 0 ? words(Array.from({ length: tiles }, group)) : undefined,
      };
    },
    outputs: ({ c, pre }) => (pre ? [c, pre] : [c]),
  };
}

/** The shape of a transposed product. */
export interface OuterShape {
  readonly R: number;
  readonly M: number;
  readonly N: number;
  /** True if A is one-hot, as in the gradient of an embedding. */
  readonly oneHot?: boolean;
  /** Number of experts that share the rows. */
  readonly groups?: number;
}

/** Return a case of `matmulOuter`. */
export function outerCase({ R, M, N, oneHot, groups = 0 }: OuterShape): TuningCase<OuterOptions> {
  return {
    family: matmulOuterFamily,
    make: (device) => {
      const { floats, words } = operands(device);
      const split = splitOf(device, { R, M, N, groups: groups || undefined });
      const share = Math.floor(R / Math.max(1, groups));
      const ranges = Array.from({ length: groups }, (_, group) => [group * share, (group + 1) * share]);
      return {
        ...{ R, M, N, columnSums: true, ...split },
        a: oneHot ? words(Array.from({ length: R }, (_, r) => (r * 7) % M)) : floats(R * M),
        b: floats(R * N),
        parts: floats(split.count * partSize(M, N)),
        oneHotScale: oneHot ? 1 : undefined,
        ranges: groups > 0 ? words(ranges.flat()) : undefined,
      };
    },
    outputs: ({ parts }) => [parts],
  };
}

/** The heads of an attention layer. */
export interface AttentionHeads {
  readonly heads: number;
  /** Number of key-value heads. Default: the number of heads. */
  readonly kvHeads?: number;
  readonly headDim: number;
  /** True with ALiBi slopes. */
  readonly alibi: boolean;
}

/** Return the three cases of attention over sequences of 64 tokens, R tokens in total. */
export function attentionCases(
  R: number,
  { heads, kvHeads = heads, headDim, alibi }: AttentionHeads,
): AnyTuningCase[] {
  const length = Math.min(64, R);
  const sequences = Math.floor(R / length);
  const d = heads * headDim;
  const columns = d + 2 * kvHeads * headDim;
  const perSequence = Math.ceil(length / ATTENTION_TILE_ROWS);
  const make = (device: Device) => {
    const { floats } = operands(device);
    const tiles = device.allocate(sequences * perSequence * 4 * FLOAT);
    rectangularTiles(device, tiles, { sequences, length, rows: ATTENTION_TILE_ROWS });
    const slopes = alibi ? floats(heads) : undefined;
    const shape = { R, heads, kvHeads, headDim, slopes, tiles, tileCount: sequences * perSequence };
    const buffers = {
      qkv: floats(R * columns),
      out: floats(R * d),
      logSumExp: floats(R * heads),
      dOut: floats(R * d),
      dQkv: floats(R * columns),
      delta: floats(R * heads),
    };
    return { shape, buffers };
  };
  type Name = keyof ReturnType<typeof make>['buffers'];
  return (
    [
      [attentionForwardFamily, ['qkv'], ['out', 'logSumExp']],
      [attentionQueryFamily, ['qkv', 'out', 'dOut', 'logSumExp'], ['dQkv', 'delta']],
      [attentionKeyValueFamily, ['qkv', 'dOut', 'logSumExp', 'delta'], ['dQkv']],
    ] as const satisfies readonly (readonly [unknown, readonly Name[], readonly Name[]])[]
  ).map(([family, reads, writes]) => ({
    family,
    make: (device) => {
      const { shape, buffers } = make(device);
      const bound = Object.fromEntries([...reads, ...writes].map((name) => [name, buffers[name]]));
      return { shape, buffers: bound };
    },
    outputs: (options) => writes.map((name) => options.buffers[name]),
  }));
}
