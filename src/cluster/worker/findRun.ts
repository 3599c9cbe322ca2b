/** Finds a run to work for: asks who trains, introduces the worker, and reads the run's spec. */
import type { NatsConnection } from '@nats-io/nats-core';
import { type ModelConfig, validateModelConfig } from '../../model/config.ts';
import { askAll } from '../connection/askAll.ts';
import { isUnanswered } from '../connection/requestFailure.ts';
import { ClusterError } from '../protocol/error.ts';
import {
  decodeMessage,
  encodeMessage,
  type TrainerCard,
  trainerCardSchema,
  type Welcome,
  type WorkerCard,
  welcomeSchema,
} from '../protocol/messages.ts';
import { type Spec, specDigest, specSchema } from '../protocol/spec.ts';
import { FIND_SUBJECT, RunSubjects } from '../protocol/subjects.ts';
import { refusalOf } from '../trainer/admission.ts';

/** Milliseconds for one trainer's answer. */
const ANSWER_MS = 3000;

/** Ask who trains on this server, and with `withWorkers` whom they know. What is not a card is left out. */
export async function findTrainers(
  nats: NatsConnection,
  { withWorkers = false }: { readonly withWorkers?: boolean } = {},
): Promise<TrainerCard[]> {
  const cards = new Map<string, TrainerCard>();
  for (const card of await askAll(nats, FIND_SUBJECT, trainerCardSchema, withWorkers ? 'workers' : '')) {
    // A trainer that restarts may answer twice.
    if (card.epoch >= (cards.get(card.run)?.epoch ?? 0)) cards.set(card.run, card);
  }
  return [...cards.values()];
}

/** Send a worker's card to a trainer. @returns undefined if it does not answer. */
export async function greet(
  nats: NatsConnection,
  run: string,
  card: WorkerCard,
): Promise<Welcome | undefined> {
  const answer = await ask(nats, new RunSubjects(run).hello(card), encodeMessage(card));
  return answer && decodeMessage(welcomeSchema, answer, "the trainer's welcome");
}

/** A run's spec, and the model that it describes. */
export interface CheckedSpec {
  readonly spec: Spec;
  readonly model: ModelConfig;
}

/**
 * Read a run's spec. @returns undefined if the trainer does not answer.
 * @throws ClusterError (`BAD_MESSAGE`, or `REFUSED` with another version or class); ModelConfigError
 */
export async function fetchSpec(
  nats: NatsConnection,
  run: string,
  digest: string,
  card: WorkerCard,
): Promise<CheckedSpec | undefined> {
  const bytes = await ask(nats, new RunSubjects(run).spec);
  if (!bytes) return undefined;
  const found = await specDigest(bytes);
  const spec = decodeMessage(specSchema, bytes, "the run's spec");
  if (found !== digest) {
    const fix = 'wait until the trainer has started';
    throw new ClusterError('BAD_MESSAGE', 'spec', "the run's spec is not the one that it announces", fix);
  }
  // A trainer that is mistaken about the worker would get results with other bits.
  const refusal = refusalOf(card, spec, null);
  if (refusal) throw new ClusterError('REFUSED', run, refusal.problem, refusal.fix);
  return { spec, model: validateModelConfig(spec.model, "the run's model") };
}

/** Ask one trainer. @returns undefined if nobody answers. */
async function ask(
  nats: NatsConnection,
  subject: string,
  data?: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    return (await nats.request(subject, data, { timeout: ANSWER_MS })).data;
  } catch (error) {
    if (isUnanswered(error)) return undefined;
    throw error;
  }
}
