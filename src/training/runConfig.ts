/** config.json of a run. It may come from somebody else: nothing in it is believed unchecked. */
import { z } from 'zod';
import { withPresentNames } from '../base/options.ts';

/** Kinds of runs: pretraining and GRPO in turn, or one of them. */
export const RUN_KINDS = ['pipeline', 'pretrain', 'grpo'] as const;
/** A kind of run. */
export type RunKind = (typeof RUN_KINDS)[number];

/** `KernelChoices` in a file. */
export const choicesSchema = z.record(
  z.string(),
  z.union([z.string(), z.strictObject({ variant: z.string(), source: z.string() })]),
);

/** The part of config.json that resuming reads; the rest is kept as it is. */
export const runConfigSchema = z.looseObject({
  kind: z.enum(RUN_KINDS),
  options: z.record(z.string(), z.unknown()).transform(withPresentNames),
  /** The adapter, its kernels and the versions that the run began with. */
  adapter: z.looseObject({ description: z.string() }).optional(),
  kernels: choicesSchema.optional(),
  versions: z.record(z.string(), z.string()).optional(),
  /** An entry for every session after the first. */
  resumed: z.array(z.unknown()).optional(),
});

/** The config of a training run. */
export type RunConfig = Readonly<z.output<typeof runConfigSchema>>;
