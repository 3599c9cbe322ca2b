/** Messages between a trainer and its workers, as JSON. Each side checks what it receives: the other may be hostile. */
import { z } from 'zod';
import { MIN_TEMPERATURE } from '../../model/completions.ts';
import { ClusterError } from './error.ts';
import { isToken } from './subjects.ts';

/** Most bytes of a message of JSON. */
export const MOST_JSON_BYTES = 1_000_000;

const count = () => z.int().min(0);
const token = () => z.string().refine(isToken, { error: 'not a token' });
const name = () => z.string().max(200);
const digest = () => z.string().regex(/^[0-9a-f]{64}$/);
const amount = () => z.number().min(0);

/** Options of sampling, as `SampleOptions`, all of them given. */
const samplingSchema = z.strictObject({
  groupSize: z.int().min(1).max(65_536),
  maxNewTokens: z.int().min(1).max(65_536),
  temperature: z.union([z.literal(0), z.number().min(MIN_TEMPERATURE)]),
  topK: count(),
  topP: z.number().gt(0).max(1),
  minP: z.number().min(0).max(1),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  firstSequenceId: z
    .int()
    .min(0)
    .max(2 ** 32 - 1),
});

/** Weights on the server. */
const policySchema = z.strictObject({
  version: count(),
  /** SHA-256 of the safetensors file. */
  sha256: digest(),
  bytes: z
    .int()
    .min(1)
    .max(2 ** 40),
  chunks: z
    .int()
    .min(1)
    .max(2 ** 21),
});

export const workItemSchema = z.strictObject({
  /** Names the item within its epoch: `<job>-<index>`. */
  id: token(),
  epoch: count(),
  /** Number of the call of a sampler that the item is a part of. */
  job: count(),
  policy: policySchema,
  spec: digest(),
  prompts: z.array(z.array(count()).min(1)).min(1).max(65_536),
  sampling: samplingSchema,
});

/** Prompts to complete with the weights of a version. Sequences have consecutive ids, those of a prompt together. */
export type WorkItem = Readonly<z.output<typeof workItemSchema>>;
/** Weights on the server: their version, SHA-256, size and number of chunks. */
export type PolicyManifest = WorkItem['policy'];
/** Options of sampling, all of them given. */
export type WireSampling = WorkItem['sampling'];

const stateSchema = z.enum(['running', 'draining', 'done']);
/** The state of a run: it has work, it gives out no more, it is over. */
export type TrainerState = z.output<typeof stateSchema>;

export const workerCardSchema = z.strictObject({
  protocol: z.int(),
  key: token(),
  instance: token(),
  /** A name for people. */
  name: name(),
  version: name(),
  class: name(),
  adapter: name(),
  /** The program and system that it runs in, such as `Node v22.1.0, linux-x64` or a browser's name. */
  platform: name(),
  /** Tokens sampled per second of work, over the latest items; 0 before the first. */
  tokensPerSecond: amount(),
  /** Items done since the worker started. */
  items: count(),
  /** The run that it works for; null while it waits. */
  run: token().nullable(),
});

/** A worker, as it describes itself. */
export type WorkerCard = Readonly<z.output<typeof workerCardSchema>>;

/** Reasons to refuse a worker. */
const REFUSALS = ['protocol', 'version', 'class', 'banned'] as const;

const refusalSchema = z.strictObject({
  reason: z.enum(REFUSALS),
  problem: z.string().max(1000),
  fix: z.string().max(1000),
});
/** A refusal: its reason, the problem and the fix. */
export type Refusal = Readonly<z.output<typeof refusalSchema>>;

export const welcomeSchema = z.strictObject({
  epoch: count(),
  state: stateSchema,
  spec: digest(),
  refusal: refusalSchema.nullable(),
});

/** A trainer's answer to a worker's card. */
export type Welcome = Readonly<z.output<typeof welcomeSchema>>;

const knownWorkerSchema = z.strictObject({
  card: workerCardSchema,
  refusal: refusalSchema.nullable(),
  /** Seconds since it was last heard. */
  silentSeconds: amount(),
});
/** A worker, as a trainer knows it. */
export type KnownWorker = Readonly<z.output<typeof knownWorkerSchema>>;

export const trainerCardSchema = z.strictObject({
  protocol: z.int(),
  run: token(),
  /** The run's directory or another name for people. */
  name: name(),
  version: name(),
  mode: z.enum(['same-class', 'any']),
  class: name(),
  adapter: name(),
  epoch: count(),
  state: stateSchema,
  spec: digest(),
  /** Number of workers that it takes. */
  served: count(),
  /** All workers that it knows, if it was asked for them. */
  workers: z.array(knownWorkerSchema).max(10_000),
});

/** A trainer, as it describes itself. */
export type TrainerCard = Readonly<z.output<typeof trainerCardSchema>>;

/** Return the bytes of a message. */
export const encodeMessage = (message: object): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(message));

/** Read a message. @throws ClusterError (`BAD_MESSAGE`) naming the first field at fault. */
export function decodeMessage<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
  what: string,
): z.output<Schema> {
  const fix = 'run the same version of mathformer on both machines';
  const bad = (problem: string) => new ClusterError('BAD_MESSAGE', what, `${what}: ${problem}`, fix);
  if (bytes.length > MOST_JSON_BYTES) throw bad(`it has ${bytes.length} bytes, more than ${MOST_JSON_BYTES}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw bad('it is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw bad(`${issue?.path.map(String).join('.').slice(0, 80) || 'it'} is not as the protocol says`);
}
