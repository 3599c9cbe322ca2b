/** A model of 100-odd weights in each format, small enough that a random change usually hits its structure. */

import { type ModelConfig, modelConfig } from '../../src/model/config.ts';
import { parameterShapes } from '../../src/model/stateDict.ts';
import {
  dict,
  float,
  float32Bytes,
  int,
  pickle,
  tensor,
  torchLegacy,
  torchZip,
} from './torch/pickleAssembler.ts';

export const MINI: ModelConfig = modelConfig('tiny', {
  vocabSize: 3,
  dModel: 4,
  nHeads: 2,
  dFF: 2,
  nLayers: 1,
});

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Weight i of tensor n is n + i/100. */
export const MINI_WEIGHTS: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }> = new Map(
  [...parameterShapes(MINI)].map(([name, shape], n) => [
    name,
    { shape, data: Float32Array.from({ length: count(shape) }, (_, i) => n + i / 100) },
  ]),
);

const SLOPES: [string, readonly number[], number[]] = ['blocks.0.alibi_slopes', [2], [2 ** -4, 2 ** -8]];

const STORED: [string, readonly number[], number[]][] = [
  ...[...MINI_WEIGHTS].map(([name, { shape, data }]): [string, readonly number[], number[]] => [
    name,
    shape,
    [...data],
  ]),
  SLOPES,
];

function root(legacy: boolean, config: boolean): Uint8Array {
  const state = dict(
    ...STORED.map(([name, shape], key): [string, Uint8Array] => [
      name,
      tensor({ key: String(key), shape }, legacy),
    ]),
  );
  if (!config) return state;
  const sizes: [string, number][] = [['ntoken', 3], ['ninp', 4], ['nhead', 2], ['nhid', 2], ['nlayers', 1]]; // biome-ignore format: a table
  const fields = sizes.map(([key, value]): [string, Uint8Array] => [key, int(value)]);
  return dict(['state_dict', state], ['config', dict(...fields, ['dropout', float(0.05)])]);
}

export const miniPickle = (config: boolean): Uint8Array => pickle(root(false, config));

const contents = STORED.map(([, , values]) => float32Bytes(...values));

export const miniZip = (miniRoot = miniPickle(true), level: 0 | 9 = 0): Uint8Array =>
  torchZip(miniRoot, contents, {}, level);

export const miniLegacy = (config: boolean): Uint8Array =>
  torchLegacy(
    root(true, config),
    STORED.map(([, , values]) => ({ length: values.length, content: float32Bytes(...values) })),
  );
