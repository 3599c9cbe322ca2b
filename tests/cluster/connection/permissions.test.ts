/** A real server with the generated configuration: a worker can do its work, and nothing else. */
import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { errors, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { createUser } from '@nats-io/nkeys';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Connected } from '../../../src/cluster/connection/connection.ts';
import { CONSUMER, RUNS_BUCKET, RunSubjects, streamsOf } from '../../../src/cluster/protocol/subjects.ts';
import { hasNatsServer } from '../natsServer.ts';
import { SecureServer } from '../secureServer.ts';

const RUN = 'run';
const subjects = new RunSubjects(RUN);
const streams = streamsOf(RUN);
const OTHER = createUser().getPublicKey();

describe.skipIf(!hasNatsServer)('a server of `cluster init`', () => {
  let server: SecureServer;
  let trainer: Connected;
  let worker: Connected;
  let doctor: Connected;
  beforeAll(async () => {
    server = await SecureServer.start();
    [trainer, worker, doctor] = await Promise.all([
      server.connect('trainer'),
      server.connect('worker-1'),
      server.connect('doctor'),
    ]);
    for (const { nats } of [worker, doctor]) void noteRefusals(nats);
    const manager = await jetstreamManager(trainer.nats);
    const { work, policy, result } = subjects.all;
    await manager.streams.add({ name: streams.work, subjects: [work], retention: RetentionPolicy.Workqueue });
    await manager.streams.add({ name: streams.policy, subjects: [policy], allow_direct: true });
    // Direct reads of results are refused by permission alone, whatever the stream allows.
    await manager.streams.add({ name: streams.result, subjects: [result], allow_direct: true });
    await manager.consumers.add(streams.work, { durable_name: CONSUMER, ack_policy: AckPolicy.Explicit });
    await (await new Kvm(trainer.nats).create(RUNS_BUCKET)).put(RUN, '1');
    const stream = jetstream(trainer.nats);
    await stream.publish(subjects.chunk(1, 0, 0), 'weights');
    await stream.publish(subjects.work(1, 0), 'an item');
    await stream.publish(subjects.result({ key: OTHER, instance: 'i' }, 1, 'a'), 'a secret');
  });
  afterAll(async () => {
    await Promise.all([trainer, worker, doctor].map((each) => each?.nats.close()));
    await server?.[Symbol.asyncDispose]();
  });

  it('lets a worker pull an item, read weights, say that it works, publish its result and take the item off', async () => {
    const { nats, key } = worker;
    const id = { key, instance: 'i' };
    const consumer = await jetstream(nats).consumers.get(streams.work, CONSUMER);
    const item = await consumer.next({ expires: 5000 });
    expect(item?.string()).toBe('an item');
    item?.working();
    const manager = await jetstreamManager(nats, { checkAPI: false });
    const chunk = await manager.direct.getMessage(streams.policy, { last_by_subj: subjects.chunk(1, 0, 0) });
    expect(chunk?.string()).toBe('weights');
    const { stream } = await jetstream(nats).publish(subjects.result(id, 1, 'b'), 'a result');
    expect(stream).toBe(streams.result);
    expect(await item?.ackAck()).toBe(true);
    const { state } = await (await jetstreamManager(trainer.nats)).streams.info(streams.work);
    expect(state.messages).toBe(0);
  });

  it('lets trainers, workers and the doctor find each other', async () => {
    const answers = (nats: NatsConnection, subject: string, answer: string): Subscription =>
      nats.subscribe(subject, { callback: (_, message) => void message.respond(answer) });
    const subscriptions = [
      answers(trainer.nats, 'mf.find', 'a trainer'),
      answers(trainer.nats, subjects.all.hello, 'welcome'),
      answers(trainer.nats, subjects.spec, 'a spec'),
      answers(worker.nats, 'mf.who', 'a worker'),
    ];
    await Promise.all([trainer.nats.flush(), worker.nats.flush()]);
    const ask = async (from: Connected, subject: string): Promise<string> =>
      (await from.nats.request(subject, '', { timeout: 5000 })).string();
    expect(await ask(worker, 'mf.find')).toBe('a trainer');
    expect(await ask(worker, subjects.hello({ key: worker.key, instance: 'i' }))).toBe('welcome');
    expect(await ask(worker, subjects.spec)).toBe('a spec');
    expect(await ask(doctor, 'mf.find')).toBe('a trainer');
    expect(await ask(doctor, 'mf.who')).toBe('a worker');
    for (const each of subscriptions) each.unsubscribe();
  });

  const forbiddenToWorkers = [
    subjects.result({ key: OTHER, instance: 'i' }, 1, 'a'),
    subjects.hello({ key: OTHER, instance: 'i' }),
    subjects.work(1, 0),
    subjects.chunk(1, 0, 0),
    'mf.who',
    `$KV.${RUNS_BUCKET}.${RUN}`,
    `_INBOX_${OTHER}.a`,
    '_INBOX.a',
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    '$JS.API.STREAM.LIST',
    ...[
      'CREATE',
      'UPDATE',
      'DELETE',
      'PURGE',
      'INFO',
      'MSG.GET',
      'MSG.DELETE',
      'SNAPSHOT',
      'RESTORE',
    ].flatMap((verb) =>
      [...Object.values(streams), `KV_${RUNS_BUCKET}`].map((name) => `$JS.API.STREAM.${verb}.${name}`),
    ),
    ...['CREATE', 'DURABLE.CREATE', 'DELETE'].map(
      (verb) => `$JS.API.CONSUMER.${verb}.${streams.work}.${CONSUMER}`,
    ),
    `$JS.API.CONSUMER.CREATE.${streams.result}`,
    `$JS.API.CONSUMER.NAMES.${streams.work}`,
    `$JS.API.CONSUMER.MSG.NEXT.${streams.result}.spy`,
    `$JS.ACK.${streams.result}.spy.1.1.1.1.0`,
    `$JS.API.DIRECT.GET.${streams.result}`,
    `$JS.API.DIRECT.GET.${streams.result}.${subjects.result({ key: OTHER, instance: 'i' }, 1, 'a')}`,
    `$JS.API.DIRECT.GET.${streams.work}.${subjects.work(1, 0)}`,
    `$JS.API.DIRECT.GET.KV_${RUNS_BUCKET}.$KV.${RUNS_BUCKET}.${RUN}`,
    '$SYS.REQ.SERVER.PING',
  ];
  it.each(forbiddenToWorkers)('refuses a worker that publishes to %s', async (subject) => {
    await expectRefusal(worker.nats, subject);
  });

  it.each([
    '>',
    'mf.>',
    'mf.find',
    subjects.all.result,
    subjects.all.work,
    subjects.all.policy,
    subjects.all.hello,
    subjects.spec,
    `_INBOX_${OTHER}.>`,
    '_INBOX.>',
    '*.>',
    `$KV.${RUNS_BUCKET}.>`,
    '$JS.>',
  ])('refuses a worker that listens at %s', async (subject) => {
    expect(await isListeningRefused(worker.nats, subject)).toBe(true);
  });

  it('lets a doctor look, and neither work nor train', async () => {
    const { nats, key } = doctor;
    await expect(jetstreamManager(nats)).resolves.toBeDefined();
    for (const subject of [
      subjects.result({ key, instance: 'i' }, 1, 'a'),
      subjects.hello({ key, instance: 'i' }),
      subjects.work(1, 0),
      `$JS.API.CONSUMER.MSG.NEXT.${streams.work}.${CONSUMER}`,
      `$JS.API.DIRECT.GET.${streams.policy}.${subjects.chunk(1, 0, 0)}`,
      `$JS.API.STREAM.DELETE.${streams.work}`,
    ]) {
      await expectRefusal(nats, subject);
    }
    for (const subject of ['mf.find', 'mf.who', subjects.all.result]) {
      expect(await isListeningRefused(nats, subject), subject).toBe(true);
    }
  });

  it('has every stream as it was after all of that', async () => {
    const manager = await jetstreamManager(trainer.nats);
    const messages = async (name: string) => (await manager.streams.info(name)).state.messages;
    expect(await messages(streams.policy)).toBe(1);
    expect(await messages(streams.result)).toBe(2);
    expect(await manager.consumers.list(streams.work).next()).toHaveLength(1);
    const bucket = await new Kvm(trainer.nats).open(RUNS_BUCKET);
    expect((await bucket.get(RUN))?.string()).toBe('1');
  });
});

/** Subjects that the server refused to take a message at, by connection. */
const refusals = new Map<NatsConnection, Set<string>>();

/** Note what the server refuses, until the connection closes. */
async function noteRefusals(nats: NatsConnection): Promise<void> {
  const refused = new Set<string>();
  refusals.set(nats, refused);
  for await (const event of nats.status()) {
    if (event.type !== 'error' || !(event.error instanceof errors.PermissionViolationError)) continue;
    if (event.error.operation === 'publish') refused.add(event.error.subject);
  }
}

/** Publish, and expect that the server refuses it. */
async function expectRefusal(nats: NatsConnection, subject: string): Promise<void> {
  nats.publish(subject, '{}');
  await nats.flush();
  await vi.waitFor(() => expect([...(refusals.get(nats) ?? [])]).toContain(subject));
}

/** Subscribe, and tell whether the server says that this is not permitted. */
async function isListeningRefused(nats: NatsConnection, subject: string): Promise<boolean> {
  let error: Error | undefined;
  const subscription = nats.subscribe(subject, {
    callback: (problem) => {
      error ??= problem ?? undefined;
    },
  });
  await nats.flush();
  subscription.unsubscribe();
  return error instanceof errors.PermissionViolationError;
}
