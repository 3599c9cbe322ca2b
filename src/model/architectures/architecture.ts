/** An architecture: the fields of its config, and the layers that they make. */
import { z } from 'zod';
import type { Decoder } from '../layers/decoder.ts';
import type { ConfigProblem } from '../layers/layer.ts';

const size = (max: number) => z.int().min(1).max(max);

/** The fields that every model has. Bounds keep a hostile file from naming more parameters than memory can list. */
export const baseFields = {
  /** V: token ids are 0 … V−1. */
  vocabSize: size(2 ** 24),
  /** d: width of the residual stream. */
  dModel: size(2 ** 16),
  /** H: attention heads. */
  nHeads: size(2 ** 16),
  /** f: hidden width of the feed-forward layer, or of each expert. */
  dFF: size(2 ** 20),
  nLayers: size(1024),
  /** Probability of dropping an activation in supervised training; RL always runs with 0. */
  dropout: z.number().min(0).lt(1),
  /** The output projection is the embedding matrix. */
  tieEmbeddings: z.boolean(),
};

/** The fields that every model has, and the name of its architecture. */
export type BaseConfig = Readonly<z.output<z.ZodObject<typeof baseFields>>> & {
  readonly architecture: string;
};

/** An architecture, whose configs are `Config`. */
export interface Architecture<Config extends BaseConfig = BaseConfig> {
  readonly schema: z.ZodType<Config>;
  /** The fields that `--shape` stands for; a config may have other values. */
  readonly flags: Partial<Config>;
  /** The fields, besides sizes and dropout, of a new model. */
  defaults(
    sizes: Pick<Config, 'dModel' | 'nHeads'>,
  ): Omit<Config, Exclude<keyof BaseConfig, 'tieEmbeddings'>>;
  /** Sizes that no such model can have; undefined if there are none. */
  problemOf(config: Config): ConfigProblem | undefined;
  /** Follows `2 layers, 32 dim, 128 hidden`. */
  describe(config: Config): string;
  decoder(config: Config): Decoder;
}
