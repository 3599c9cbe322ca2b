/** The tuner's cases for a model: every matrix product and attention of training and decoding. */
import type { AnyTuningCase } from '../gpu/tuning.ts';
import { attentionCases, outerCase, productCase } from '../kernels/tuningCases.ts';
import { architectureOf, type ModelConfig } from './config.ts';
import type { TuningRows, TuningShape } from './layers/layer.ts';

export type { TuningRows } from './layers/layer.ts';

/** Return the cases of a model, each distinct launch once. */
export function tuningCases(config: ModelConfig, rows: TuningRows): AnyTuningCase[] {
  const shapes = architectureOf(config).decoder(config).tuningShapes(rows);
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
    default:
      return shape satisfies never;
  }
}
