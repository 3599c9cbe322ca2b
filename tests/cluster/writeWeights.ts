/** Writes weights as a trainer publishes them, without its metadata. */
import { float32Arrays, writeSafetensors } from '../../src/formats/safetensors.ts';
import type { StateDict } from '../../src/model/stateDict.ts';

/** Write weights. The same weights have the same bytes. */
export const writeWeights = (stateDict: StateDict): Uint8Array =>
  writeSafetensors({ tensors: float32Arrays(stateDict), metadata: new Map() }, 'weights');
