/** The table of architectures: a new one is a file beside this one, and a line in both lists. */
import type { Architecture } from './architecture.ts';
import { type LlamaConfig, llama } from './llama.ts';
import { type AlibiConfig, mathformer } from './mathformer.ts';
import { mpt } from './mpt.ts';

/** The config of each architecture. */
export interface ModelConfigs {
  readonly mathformer: AlibiConfig<'mathformer'>;
  readonly mpt: AlibiConfig<'mpt'>;
  readonly llama: LlamaConfig;
}

/** Every architecture by its name. */
export const ARCHITECTURES: { readonly [Name in keyof ModelConfigs]: Architecture<ModelConfigs[Name]> } = {
  mathformer,
  mpt,
  llama,
};
