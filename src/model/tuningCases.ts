/** The tuner's cases for a model: every product of its training steps and of its decoding. */
import type { AnyTuningCase } from '../gpu/tuner.ts';
import { attentionCases, outerCase, productCase } from '../kernels/tuningCases.ts';
import { architectureOf, type ModelConfig } from './config.ts';
import type { TuningRows, TuningShape } from './layers/layer.ts';

export type { TuningRows } from './layers/layer.ts';

/** The cases of a model, each launch of a layer once. */
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
