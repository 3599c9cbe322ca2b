/** The tuner's cases for a model: every kernel of training and decoding of which there are variants. */
import type { AnyTuningCase } from '../gpu/tuning.ts';
import { routingCases } from '../kernels/moeTuningCases.ts';
import {
  decodeCase,
  gatherCases,
  normCases,
  replayCase,
  sampleCase,
  softmaxCases,
} from '../kernels/rowTuningCases.ts';
import { attentionCases, outerCase, productCase } from '../kernels/tuningCases.ts';
import { architectureOf, type ModelConfig } from './config.ts';
import type { TuningRows, TuningShape } from './layers/layer.ts';

export type { TuningRows } from './layers/layer.ts';

/** Return the cases of a model, each distinct launch once. */
export function tuningCases(config: ModelConfig, rows: TuningRows): AnyTuningCase[] {
  const { vocabSize } = config;
  const shapes: readonly TuningShape[] = [
    ...architectureOf(config).decoder(config).tuningShapes(rows),
    { kind: 'sample', M: rows.decoding, V: vocabSize },
    { kind: 'replay', N: rows.training, V: vocabSize },
    { kind: 'gather', R: rows.training, V: vocabSize },
    { kind: 'softmax', rows: rows.training, length: vocabSize },
  ];
  const distinct = new Map(shapes.map((shape) => [JSON.stringify(shape), shape]));
  return [...distinct.values()].flatMap(casesOf);
}

function casesOf(shape: TuningShape): AnyTuningCase[] {
  switch (shape.kind) {
    case 'product':
      return [productCase(shape)];
    case 'outer':
      return [outerCase(shape)];
    case 'attention':
      return attentionCases(shape.R, shape);
    case 'decode':
      return [decodeCase(shape.M, shape)];
    case 'sample':
      return [sampleCase(shape.M, shape.V)];
    case 'softmax':
      return softmaxCases(shape.rows, shape.length);
    case 'norm':
      return normCases(shape);
    case 'gather':
      return gatherCases(shape.R, shape.V);
    case 'replay':
      return [replayCase(shape.N, shape.V)];
    case 'routing':
      return routingCases(shape);
    default:
      return shape satisfies never;
  }
}
