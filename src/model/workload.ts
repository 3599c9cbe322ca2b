/** The tuner's cases for a model: every kernel of training and decoding of which there are variants. */
import type { AnyTuningCase } from '../gpu/tuning.ts';
import { decodeCase, sampleCase, softmaxCases } from '../kernels/rowTuningCases.ts';
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
    default:
      return shape satisfies never;
  }
}
