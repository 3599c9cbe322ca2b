/** The spec of a run: all that a worker needs besides work items and weights. It does not change within an epoch. */
import { z } from 'zod';
import { sha256 } from '../../base/sha256.ts';

/** Counts up when messages change, so that machines with another version are refused by name. */
export const PROTOCOL = 1;

/** The kinds of workers that a run can take. */
export const WORKERS_MODES = ['same-class', 'any'] as const;
/** Workers that a run takes: those of the trainer's class alone, to the bits of a local run; or any. */
export type WorkersMode = (typeof WORKERS_MODES)[number];

const choicesSchema = z.record(
  z.string().max(200),
  z.union([
    z.string().max(200),
    z.strictObject({ variant: z.string().max(200), source: z.string().max(200) }),
  ]),
);

export const specSchema = z.strictObject({
  protocol: z.int(),
  /** Version of the package. */
  version: z.string().max(40),
  mode: z.enum(WORKERS_MODES),
  /** The trainer's class: see `machineClass`. */
  class: z.string().max(100),
  /** The description of the trainer's adapter. The kernel choices are for adapters of this description. */
  adapter: z.string().max(400),
  /** The model's config, to be checked by `validateModelConfig`. */
  model: z.record(z.string().max(100), z.unknown()),
  /** The token that ends a completion. */
  eos: z.int().min(0),
  matmulPrecision: z.enum(['highest', 'medium']),
  kernels: choicesSchema,
});

/** All that a worker needs besides work items and weights. */
export type Spec = Readonly<z.output<typeof specSchema>>;

/** Return the bytes of the spec. */
export const specBytes = (spec: Spec): Uint8Array => new TextEncoder().encode(JSON.stringify(spec));

/** Return the digest by which work items name the spec: the SHA-256 of the bytes that are sent. */
export const specDigest = (bytes: Uint8Array): Promise<string> => sha256(bytes);
