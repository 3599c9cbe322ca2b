/** Answers the questions of workers and of `doctor`: who trains here, what is the spec, may I work. */
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { z } from 'zod';
import { ANY_INBOX, inboxPrefix } from '../connection/permissions.ts';
import {
  decodeMessage,
  encodeMessage,
  type KnownWorker,
  MOST_JSON_BYTES,
  type Refusal,
  type TrainerCard,
  type TrainerState,
  type Welcome,
  type WorkerCard,
  workerCardSchema,
} from '../protocol/messages.ts';
import { PROTOCOL, type Spec } from '../protocol/spec.ts';
import { FIND_SUBJECT, OPEN_KEY, RunSubjects, type WorkerId, workerOf } from '../protocol/subjects.ts';
import { refusalOf } from './admission.ts';

/** The run that the questions are about. */
export interface Host {
  readonly run: string;
  readonly name: string;
  readonly spec: Spec;
  /** The bytes of the spec, and their digest. */
  readonly specBytes: Uint8Array;
  readonly specDigest: string;
  readonly epoch: number;
  state(): TrainerState;
  /** Return the refusal of a banned worker; null for another one. */
  ban(id: WorkerId): Refusal | null;
  /** Hear a worker that says hello. */
  heard(id: WorkerId, card: WorkerCard, refusal: Refusal | null): void;
  workers(): readonly KnownWorker[];
}

/** Most bytes of the workers on a card: the rest of it is small. */
const MOST_WORKERS_BYTES = MOST_JSON_BYTES * 0.9;
/** The protocol of a card, whatever else is on it. */
const protocolSchema = z.object({ protocol: z.int() });

/** Subscriptions that answer questions. The connection renews them by itself. */
export class Reception {
  readonly #subscriptions: Subscription[];
  #refused: Error | undefined;

  constructor(
    nats: NatsConnection,
    private readonly host: Host,
  ) {
    const subjects = new RunSubjects(host.run);
    const answer = (subject: string, reply: (message: Msg) => Uint8Array | undefined): Subscription =>
      nats.subscribe(subject, {
        callback: (error, message) => {
          if (error) this.#refused = error;
          const bytes = error ? undefined : reply(message);
          if (bytes && isInbox(message)) message.respond(bytes);
        },
      });
    this.#subscriptions = [
      answer(FIND_SUBJECT, ({ data }) => encodeMessage(this.#card(data.length > 0))),
      answer(subjects.spec, () => host.specBytes),
      answer(subjects.all.hello, (message) => {
        const welcome = this.#welcome(message);
        return welcome && encodeMessage(welcome);
      }),
    ];
  }

  /** @throws the server's error if it does not let the trainer hear workers. It is known after any later answer of the server. */
  check(): void {
    if (this.#refused) throw this.#refused;
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** Answer a card. One that is no card of the worker that the server names gets no answer. */
  #welcome({ subject, data }: Msg): Welcome | undefined {
    const { host } = this;
    const id = workerOf(subject);
    if (!id) return undefined;
    const answer = (refusal: Refusal | null): Welcome => ({
      ...{ epoch: host.epoch, state: host.state(), spec: host.specDigest, refusal },
    });
    try {
      const card = decodeMessage(workerCardSchema, data, 'card');
      if (card.key !== id.key || card.instance !== id.instance) return undefined;
      const refusal = refusalOf(card, host.spec, host.ban(id));
      host.heard(id, card, refusal);
      return answer(refusal);
    } catch {
      // A card of another protocol may look otherwise.
      const protocol = protocolIn(data);
      if (protocol === undefined || protocol === PROTOCOL) return undefined;
      return answer(refusalOf({ protocol, version: '', class: '', adapter: '' }, host.spec, null));
    }
  }

  /** @param isWhole with the workers: many of them make it long, and many ask. */
  #card(isWhole: boolean): TrainerCard {
    const { host } = this;
    const workers = host.workers();
    const { run, name, spec, specDigest, epoch } = host;
    return {
      ...{ protocol: PROTOCOL, run, name: name.slice(-200), version: spec.version, mode: spec.mode },
      ...{ class: spec.class, adapter: spec.adapter.slice(0, 200), epoch, state: host.state() },
      ...{ spec: specDigest, served: workers.filter(({ refusal }) => refusal === null).length },
      workers: isWhole ? fitting(workers) : [],
    };
  }
}

/**
 * Tell whether a question asks for its answer in an inbox, of a worker that says hello in its own. Answers elsewhere would speak
 * with the trainer's permissions.
 */
function isInbox({ subject, reply = '' }: Msg): boolean {
  const key = workerOf(subject)?.key;
  const prefix = key === undefined || key === OPEN_KEY ? ANY_INBOX : `${inboxPrefix(key)}.`;
  return reply.startsWith(prefix);
}

function protocolIn(data: Uint8Array): number | undefined {
  try {
    return decodeMessage(protocolSchema, data, 'card').protocol;
  } catch {
    return undefined;
  }
}

/** Return as many workers as a message can hold. */
function fitting(workers: readonly KnownWorker[]): KnownWorker[] {
  let bytes = 0;
  return workers.filter((worker) => {
    bytes += encodeMessage(worker).length + 1;
    return bytes <= MOST_WORKERS_BYTES;
  });
}
