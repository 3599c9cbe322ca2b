/** Options of every command: its adapter, and what it prints. */
import { z } from 'zod';
import { integer, oneOf, path, yesOrNo } from '../base/options.ts';
import { MOST_THREADS } from '../gpu/adapterOptions.ts';

/** Flags of every command. */
export const outputSchema = z.strictObject({
  adapter: z.string().optional().describe('adapter: hardware, wasm, lavapipe, or part of a description'),
  threads: integer(1, MOST_THREADS)
    .optional()
    .describe(
      'threads of the adapter wasm, on which results do not depend (default: MATHFORMER_THREADS, or one for each core)',
    ),
  relaxed: yesOrNo()
    .default(false)
    .describe(
      'let the adapter wasm multiply and add with one rounding, where Node can: faster, and other bits',
    ),
  profile: path()
    .optional()
    .describe('time every kernel, say at the end which took how long, and write a Chrome trace to this file'),
  // `auto` measures on GPUs only, once for each model.
  tune: oneOf(['auto', 'always', 'never'])
    .default('auto')
    .describe('measure which kernels are the fastest: once on a GPU (auto), again, or never'),
  // As in PyTorch's `set_float32_matmul_precision`.
  matmulPrecision: oneOf(['highest', 'medium'])
    .default('highest')
    .describe('highest (f32) or medium (products may round their operands to f16, where that is faster)'),
  json: yesOrNo().default(false).describe('print one JSON document on stdout, everything else on stderr'),
  quiet: yesOrNo().default(false).describe('leave out the progress'),
});
