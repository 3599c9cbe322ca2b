/** The layers of mathformer as Hugging Face's `MptForCausalLM` has them: no biases, a final norm, a tied output. */
import { alibiArchitecture } from './mathformer.ts';

export const mpt = alibiArchitecture('mpt', {
  bias: false,
  finalNorm: true,
  tieEmbeddings: true,
  scaleEmbedding: false,
});
