/** Workers on a real server, with a trainer that does what the test says. */
import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { machineClass } from '../../../src/cluster/protocol/machineClass.ts';
import { decodeMessage, type Refusal, workerCardSchema } from '../../../src/cluster/protocol/messages.ts';
import { readResult } from '../../../src/cluster/protocol/result.ts';
import { readResultHeaders } from '../../../src/cluster/protocol/resultHeaders.ts';
import { streamsOf, WHO_SUBJECT } from '../../../src/cluster/protocol/subjects.ts';
import { deviceWorker } from '../../../src/cluster/worker/deviceWorker.ts';
import { findTrainers } from '../../../src/cluster/worker/findRun.ts';
import { Device, type DeviceOptions } from '../../../src/gpu/device.ts';
import { openAdapter } from '../../../src/gpu/node.ts';
import { initialStateDict, modelConfig, Sampler, Transformer } from '../../../src/model/index.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';
import { ScriptedTrainer, type TrainerScript } from './scriptedTrainer.ts';
import { EOS, FACTS, MODEL, RunningWorker, SPEC } from './workerParts.ts';

let server: NatsServer;
beforeAll(async () => {
  if (hasNatsServer) server = await NatsServer.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const connect = () => connectNode({ url: server.url, name: 'test' });
const trainerOf = async (script: Partial<TrainerScript> = {}) =>
  ScriptedTrainer.start(await connect(), { run: randomUUID(), spec: SPEC, ...script });
const openWasm = async (options: DeviceOptions = {}) =>
  Device.open((await openAdapter({ name: 'wasm', threads: 1 })).adapter, options);

const WEIGHTS = initialStateDict(MODEL, 3);
const PROMPTS = [[3, 4, 5], [6, 7], [8]];
const PATIENCE = { timeout: 60_000, interval: 50 };
/** A wait without an end. */
const forever = () => new Promise<void>(() => undefined);
const emptied = async (trainer: ScriptedTrainer) => {
  const { waiting, out } = await trainer.queue();
  return waiting === 0 && out === 0;
};

describe.skipIf(!hasNatsServer)('a worker', () => {
  it('does items as the trainer would, to the bit', async () => {
    const device = await openWasm();
    const versions = { mathformer: FACTS.version, driver: 'test' };
    const spec = { ...SPEC, class: await machineClass(device, versions), adapter: device.info.description };
    await using trainer = await trainerOf({ spec });
    const model = new Transformer(device, MODEL, WEIGHTS);
    const policy = await trainer.publish(WEIGHTS);
    const items = [
      await trainer.put('0-0', policy, PROMPTS, { groupSize: 4 }),
      await trainer.put('0-1', policy, PROMPTS, { topK: 5, seed: 2, firstSequenceId: 7 }),
    ];
    const worker = await deviceWorker({ connect, open: openWasm, name: 'w', platform: 'test', versions });
    const running = worker.run({ once: true });
    const results = await trainer.collect(2);
    const sampler = new Sampler(model, { eos: EOS });
    for (const [i, item] of items.entries()) {
      const own = await sampler.generate(item.prompts, item.sampling);
      const bytes = results[i]?.bytes ?? new Uint8Array();
      expect(readResult(bytes, item, { vocabSize: MODEL.vocabSize, eos: EOS })).toEqual(own);
    }
    await trainer.until(() => emptied(trainer), 'all items are acknowledged');
    trainer.state = 'done';
    expect(await running).toMatchObject({ reason: 'over', items: 2 });
    device.destroy();
  });

  it('tells who it is and what it does, to the trainer and to whom it may concern', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect, { instance: 'one' });
    await trainer.until(() => trainer.cards.length > 1, 'cards');
    const card = { key: 'open', instance: 'one', ...FACTS, items: 0, tokensPerSecond: 0 };
    expect(trainer.cards[0]).toMatchObject({ ...card, run: null });
    expect(trainer.cards.at(-1)).toMatchObject({ ...card, run: trainer.run });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.collect(1);
    await trainer.until(() => running.told('item').length === 1, 'the worker counts');
    const { data } = await trainer.nats.request(WHO_SUBJECT);
    expect(decodeMessage(workerCardSchema, data, 'card')).toMatchObject({
      ...{ ...card, items: 1, run: trainer.run },
      tokensPerSecond: expect.any(Number),
    });
  });

  it('tells with a result how long it took, and how often the item was given out', async () => {
    await using trainer = await trainerOf();
    await using _ = new RunningWorker(connect);
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    const [result] = await trainer.collect(1);
    const facts = readResultHeaders(result?.message.headers);
    expect(facts.deliveries).toBe(1);
    expect(facts.seconds).toBeGreaterThan(0);
  });

  it('fetches weights once, however many items have them, and others when the version changes', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect);
    const one = await trainer.publish(WEIGHTS, 0);
    const two = await trainer.publish(initialStateDict(MODEL, 4), 1);
    for (const [i, policy] of [one, one, two, two].entries()) await trainer.put(`0-${i}`, policy, PROMPTS);
    await trainer.collect(4);
    expect(running.machines[0]?.loaded.length).toBe(2);
    expect(running.told('weights').map(({ version }) => version)).toEqual([0, 1]);
  });

  it('reads weights of many chunks', async () => {
    const model = modelConfig('small', { vocabSize: 4000 });
    await using trainer = await trainerOf({ spec: { ...SPEC, model } });
    await using running = new RunningWorker(connect);
    const policy = await trainer.publish(initialStateDict(model, 1));
    expect(policy.chunks).toBeGreaterThan(4);
    await trainer.put('0-0', policy, PROMPTS);
    await trainer.collect(1);
    expect(running.machines[0]?.loaded[0]?.length).toBe(policy.bytes);
  });

  it('ends when its run is over, if it is to work once, and looks for another run otherwise', async () => {
    await using first = await trainerOf();
    await using once = new RunningWorker(connect, { once: true });
    await using other = new RunningWorker(connect);
    await first.until(() => [once, other].every((each) => each.told('joined').length === 1), 'both join');
    first.state = 'draining';
    expect(await once.ended).toMatchObject({ reason: 'over', items: 0 });
    expect(once.told('left')).toMatchObject([{ run: first.run, reason: 'draining' }]);
    expect(once.machines[0]?.isDisposed).toBe(true);
    first.state = 'done';
    await using second = await trainerOf();
    await second.until(() => other.told('joined').length === 2, 'the other joins');
    expect(other.told('joined').at(-1)).toMatchObject({ run: second.run });
  });

  it('works for the run that has the fewest workers', async () => {
    await using many = await trainerOf();
    await using few = await trainerOf();
    many.served = 3;
    few.served = 2;
    await using running = new RunningWorker(connect);
    await few.until(() => running.told('joined').length === 1, 'it joins');
    expect(running.told('joined')[0]?.run).toBe(few.run);
  });

  it('ends after a time without work', async () => {
    await using idle = new RunningWorker(connect, { maxIdle: 1 });
    expect(await idle.ended).toMatchObject({ reason: 'idle', items: 0 });
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect, { maxIdle: 3 });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    expect(await running.ended).toMatchObject({ reason: 'idle', items: 1 });
  });
});

describe.skipIf(!hasNatsServer)('a worker that is refused', () => {
  const refusal: Refusal = { reason: 'version', problem: 'it is too old', fix: 'install it again' };

  it('says so once, waits, and works when it is taken', async () => {
    await using trainer = await trainerOf();
    trainer.refusal = refusal;
    await using running = new RunningWorker(connect);
    await trainer.until(() => trainer.cards.length >= 2, 'it asks again', 20);
    expect(running.told('refused')).toMatchObject([{ run: trainer.run, refusal }]);
    trainer.refusal = null;
    await trainer.until(() => running.told('joined').length === 1, 'it joins', 20);
  });

  it('works for another run', async () => {
    await using unkind = await trainerOf();
    unkind.refusal = refusal;
    await using kind = await trainerOf();
    kind.served = 5;
    await using running = new RunningWorker(connect);
    await kind.until(() => running.told('joined').length === 1, 'it joins');
    expect(running.told('joined')[0]?.run).toBe(kind.run);
  });

  it('ends with the reason, if it is to work once', async () => {
    await using trainer = await trainerOf();
    trainer.refusal = refusal;
    await using running = new RunningWorker(connect, { once: true });
    await expect(running.ended).rejects.toMatchObject({
      ...{ code: 'REFUSED', fix: 'install it again' },
      message: expect.stringContaining('it is too old'),
    });
  });

  it('leaves the run when the refusal comes later', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect);
    await trainer.until(() => running.told('joined').length === 1, 'it joins');
    trainer.refusal = { ...refusal, reason: 'banned' };
    await trainer.until(() => running.told('left').length === 1, 'it leaves', 20);
    expect(running.told('left')[0]?.reason).toBe('refused');
    expect(running.told('refused')).toHaveLength(1);
  });

  it('checks the spec itself: a trainer that is mistaken gets no results with other bits', async () => {
    await using trainer = await trainerOf({ spec: { ...SPEC, class: 'other-1' } });
    await using running = new RunningWorker(connect);
    await trainer.until(() => running.told('unable').length === 1, 'it says why');
    expect(running.told('unable')[0]?.error).toMatchObject({
      ...{ code: 'REFUSED', message: expect.stringContaining('class') },
    });
  });

  it('cannot work for a model that is none, or that its memory does not hold', async () => {
    await using odd = await trainerOf({ spec: { ...SPEC, model: { ...MODEL, nHeads: 3 } } });
    await using running = new RunningWorker(connect);
    await odd.until(() => running.told('unable').length === 1, 'it says why');
    expect(running.told('unable')[0]?.error.message).toMatch(/the run's model: .*nHeads/);
    odd.state = 'done';
    await using trainer = await trainerOf();
    await using small = new RunningWorker(connect, { memory: 100_000, once: true });
    await expect(small.ended).rejects.toMatchObject({
      ...{ code: 'REFUSED', message: expect.stringMatching(/this worker may use 1 MiB/) },
    });
    expect(small.machines).toEqual([]);
    expect(trainer.results).toEqual([]);
  });
});

describe.skipIf(!hasNatsServer)('an item', () => {
  it('that is malformed is taken from the queue and reported, and the next one is done', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect);
    const policy = await trainer.publish(WEIGHTS);
    const junk = [
      new TextEncoder().encode('no JSON'),
      new Uint8Array(),
      new TextEncoder().encode('{"id":1}'),
    ];
    for (const bytes of junk) await trainer.putBytes(bytes);
    await trainer.put('0-0', policy, [[MODEL.vocabSize]]);
    await trainer.put('0-1', policy, PROMPTS, { groupSize: 65_536, maxNewTokens: 65_536 });
    await trainer.put('0-2', { ...policy, bytes: 2 ** 40 }, PROMPTS);
    await trainer.put('0-3', { ...policy, chunks: 2 ** 21 }, PROMPTS);
    await trainer.put('0-4', policy, PROMPTS, { topK: 21 });
    await trainer.put('0-5', policy, PROMPTS);
    const [result] = await trainer.collect(1);
    expect(result?.item).toBe('0-5');
    await trainer.until(() => emptied(trainer), 'the queue is empty');
    expect(running.told('malformed').map(({ error }) => error.message)).toMatchObject([
      ...junk.map(() => expect.stringMatching(/^the work item: /)),
      expect.stringMatching(/^prompt 0 /),
      expect.stringMatching(/result may have \d+ bytes, and the server takes 1048576/),
      expect.stringMatching(/^the weights have 1099511627776 bytes/),
      expect.stringMatching(/^the weights have .* in 2097152 chunks/),
      expect.stringMatching(/^topK is 21/),
    ]);
  });

  it('whose weights are others than it says is taken from the queue and reported', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect);
    const policy = await trainer.publish(WEIGHTS);
    await trainer.put('0-0', { ...policy, sha256: 'a'.repeat(64) }, PROMPTS);
    await trainer.put('0-1', { ...policy, bytes: policy.bytes - 1 }, PROMPTS);
    await trainer.until(() => running.told('malformed').length === 2, 'both are reported');
    expect(running.told('malformed').map(({ error }) => error.message)).toMatchObject([
      expect.stringContaining('their SHA-256 is not the one'),
      expect.stringContaining(`they have ${policy.bytes} bytes, not ${policy.bytes - 1}`),
    ]);
    await trainer.until(() => emptied(trainer), 'the queue is empty');
    expect(trainer.results).toEqual([]);
  });

  it('whose weights are gone is handed back until they are there again', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect);
    const policy = await trainer.publish(WEIGHTS);
    await trainer.forget(0);
    await trainer.put('0-0', policy, PROMPTS);
    await trainer.until(() => running.told('returned').length > 0, 'it is handed back');
    expect(running.told('returned')[0]?.problem).toBe('the server lacks the weights of version 0');
    await trainer.publish(WEIGHTS);
    const [result] = await trainer.collect(1);
    expect(readResultHeaders(result?.message.headers).deliveries).toBeGreaterThan(1);
  });

  it('that takes longer than the server waits is not given out again', async () => {
    await using trainer = await trainerOf({ ackWait: 3 });
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 7000));
    await using one = new RunningWorker(connect, { work: slow });
    await using two = new RunningWorker(connect, { work: slow });
    await trainer.until(() => [one, two].every((each) => each.told('joined').length === 1), 'both join');
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    const [result] = await trainer.collect(1);
    expect(readResultHeaders(result?.message.headers).deliveries).toBe(1);
    await trainer.until(() => emptied(trainer), 'it is acknowledged');
    expect(one.told('started').length + two.told('started').length).toBe(1);
  });

  it('of an earlier start of the run is taken from the queue, without a result', async () => {
    await using trainer = await trainerOf({ epoch: 5 });
    await using running = new RunningWorker(connect);
    await trainer.until(() => running.told('joined').length === 1, 'it joins');
    trainer.epoch = 4;
    const bytes = await trainer.itemBytes('0-0', await trainer.manifest(WEIGHTS), PROMPTS);
    trainer.epoch = 5;
    await trainer.putBytes(bytes);
    await trainer.until(
      async () => running.told('started').length === 1 && (await emptied(trainer)),
      'taken',
    );
    expect(trainer.results).toEqual([]);
  });
});

describe.skipIf(!hasNatsServer)('a worker that is asked to end', () => {
  it('finishes its item', async () => {
    await using trainer = await trainerOf();
    let finish = () => {};
    const work = () => new Promise<void>((resolve) => (finish = resolve));
    await using running = new RunningWorker(connect, { work });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.until(async () => (await trainer.queue()).out === 1, 'it works');
    await trainer.until(() => running.told('weights').length === 1, 'it samples');
    running.stop();
    finish();
    expect(await running.ended).toMatchObject({ reason: 'asked', items: 1 });
    await trainer.collect(1);
    await trainer.until(() => emptied(trainer), 'it is acknowledged');
  });

  it('hands back an item that takes too long, for another worker to do at once', async () => {
    await using trainer = await trainerOf({ ackWait: 60 });
    await using slow = new RunningWorker(connect, { work: forever });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.until(() => slow.told('weights').length === 1, 'it samples');
    await using quick = new RunningWorker(connect, { instance: 'quick' });
    await trainer.until(() => quick.told('joined').length === 1, 'the other joins');
    slow.stop();
    expect(await slow.ended).toMatchObject({ reason: 'asked', items: 0 });
    expect(slow.told('returned')).toMatchObject([{ problem: 'this worker ends' }]);
    const [result] = await trainer.collect(1, 10);
    expect(result?.worker).toBe('quick');
  });

  it('ends in time although the server is away', async () => {
    await using own = await NatsServer.start();
    await using running = new RunningWorker(() => connectNode({ url: own.url, name: 'test' }));
    await vi.waitFor(() => expect(running.told('waiting')).toHaveLength(1), PATIENCE);
    await own.kill();
    await vi.waitFor(() => expect(running.told('disconnected')).toHaveLength(1), PATIENCE);
    running.stop();
    expect(await running.ended).toMatchObject({ reason: 'asked' });
  }, 60_000);
});

describe.skipIf(!hasNatsServer)('a worker recovers', () => {
  it('from a lost device: it is opened again, and the item done', async () => {
    await using trainer = await trainerOf();
    let calls = 0;
    const work = async (machine: { isLost: boolean }) => {
      if (calls++ > 0) return;
      machine.isLost = true;
      throw new Error('the device is gone');
    };
    await using running = new RunningWorker(connect, { work });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.collect(1);
    expect(running.told('deviceLost')).toMatchObject([{ problem: 'the device is gone' }]);
    expect(running.machines.map(({ isDisposed, loaded }) => [isDisposed, loaded.length])).toEqual([
      [true, 1],
      [false, 1],
    ]);
  });

  it('from a failure, but leaves a run at which it fails again and again', async () => {
    await using trainer = await trainerOf();
    const work = async () => {
      throw new Error('out of order');
    };
    await using running = new RunningWorker(connect, { work, once: true });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await expect(running.ended).rejects.toMatchObject({
      ...{ code: 'REFUSED', message: expect.stringContaining('failed at several work items in a row') },
    });
    expect(running.told('returned').map(({ problem }) => problem)).toEqual(Array(3).fill('out of order'));
    expect(running.told('left')).toMatchObject([{ reason: 'failing' }]);
    expect((await trainer.queue()).out + (await trainer.queue()).waiting).toBe(1);
  });

  it('when the trainer begins again: what it left is not done, and weights that it knows are not fetched', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect);
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.collect(1);
    trainer.epoch = 2;
    await trainer.declare();
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    const [, result] = await trainer.collect(2);
    expect(result?.subject).toBe(
      trainer.subjects.result({ key: 'open', instance: result?.worker ?? '' }, 2, '0-0'),
    );
    expect(running.machines).toMatchObject([{ loaded: { length: 1 } }]);
    expect(running.told('left')).toEqual([]);
  });

  it('from a trainer that is gone: it leaves after a time, and ends if it is to work once and the run is over, or works when it is resumed', async () => {
    const run = randomUUID();
    await using running = new RunningWorker(connect);
    await using once = new RunningWorker(connect, { once: true });
    const workers = [running, once];
    {
      await using trainer = await trainerOf({ run });
      await trainer.until(() => workers.every((each) => each.told('joined').length === 1), 'they join');
    }
    for (const worker of workers)
      await vi.waitFor(() => expect(worker.told('left')).toMatchObject([{ run, reason: 'silent' }]), {
        ...PATIENCE,
        timeout: 40_000,
      });
    expect(running.machines[0]?.isDisposed).toBe(true);
    // The trainer's last act, of which nobody told the workers.
    const { nats } = await connect();
    await (await jetstreamManager(nats)).streams.delete(streamsOf(run).work);
    await nats.close();
    // Another one comes: it is not the run that the worker was to work for.
    await using other = await trainerOf();
    other.refusal = { reason: 'class', problem: 'it is of another class', fix: 'use another machine' };
    expect(await once.ended).toMatchObject({ reason: 'over' });
    await using trainer = await trainerOf({ run, epoch: 2 });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.collect(1);
  });

  it('when the run begins again with another spec', async () => {
    await using trainer = await trainerOf();
    await using running = new RunningWorker(connect);
    await trainer.until(() => running.told('joined').length === 1, 'it joins');
    trainer.epoch = 2;
    await trainer.announce({ ...SPEC, eos: EOS + 1 });
    await trainer.declare();
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.collect(1);
    expect(running.told('left')).toMatchObject([{ reason: 'changed' }]);
    expect(running.machines).toHaveLength(2);
  });

  it('from a server that restarts', async () => {
    await using own = await NatsServer.start();
    const connectOwn = () => connectNode({ url: own.url, name: 'test' });
    await using trainer = await ScriptedTrainer.start(await connectOwn(), { spec: SPEC });
    await using running = new RunningWorker(connectOwn);
    const policy = await trainer.publish(WEIGHTS);
    await trainer.put('0-0', policy, PROMPTS);
    await trainer.collect(1);
    await own.kill();
    await own.start();
    await trainer.until(() => running.told('reconnected').length === 1, 'it reconnects');
    await trainer.connected();
    await trainer.put('0-1', policy, PROMPTS);
    await trainer.until(() => running.told('item').length === 2, 'it works again');
    expect(running.told('disconnected')).toHaveLength(1);
    expect(running.told('left')).toEqual([]);
  }, 60_000);

  it('from a server that lost everything', async () => {
    await using own = await NatsServer.start();
    const connectOwn = () => connectNode({ url: own.url, name: 'test' });
    await using trainer = await ScriptedTrainer.start(await connectOwn(), { spec: SPEC });
    await using running = new RunningWorker(connectOwn);
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.collect(1);
    await own.kill();
    own.forget();
    await own.start();
    await trainer.until(() => running.told('reconnected').length === 1, 'it reconnects');
    await trainer.connected();
    await trainer.declare();
    await trainer.put('0-1', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.until(() => running.told('item').length === 2, 'it works again');
  }, 60_000);

  it('from a result that could not be sent at first', async () => {
    await using trainer = await trainerOf();
    let finish = () => {};
    const work = () => new Promise<void>((resolve) => (finish = resolve));
    await using running = new RunningWorker(connect, { work });
    await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS);
    await trainer.until(() => running.told('weights').length === 1, 'it samples');
    await trainer.drop('result');
    finish();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(running.told('item')).toEqual([]);
    await trainer.declare('result');
    await trainer.collect(1);
    await trainer.until(() => emptied(trainer), 'it is acknowledged');
  });
});

it.skipIf(!hasNatsServer)('finds each trainer once, with what answers wrongly left out', async () => {
  await using one = await trainerOf();
  await using two = await trainerOf();
  const { nats } = await connect();
  nats.subscribe('mf.find', { callback: (_, message) => void message.respond('no card') });
  const runs = (await findTrainers(nats)).map(({ run }) => run);
  expect(runs.filter((run) => run === one.run || run === two.run)).toHaveLength(2);
  await nats.close();
});
