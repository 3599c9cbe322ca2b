/** The trainer's side on a real server, with workers in this process. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DiscardPolicy, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, describe, expect, test } from 'vitest';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { decodeMessage, trainerCardSchema, type WorkerCard } from '../../../src/cluster/protocol/messages.ts';
import { PROTOCOL, type Spec, specDigest, specSchema } from '../../../src/cluster/protocol/spec.ts';
import { FIND_SUBJECT, RunSubjects, streamsOf } from '../../../src/cluster/protocol/subjects.ts';
import { Coordinator, type CoordinatorOptions } from '../../../src/cluster/trainer/coordinator.ts';
import type { ClusterEvent } from '../../../src/cluster/trainer/events.ts';
import { RemoteSampler } from '../../../src/cluster/trainer/remoteSampler.ts';
import { readCheckpoint } from '../../../src/formats/index.ts';
import type { Completion } from '../../../src/model/completions.ts';
import { Sampler } from '../../../src/model/sampler.ts';
import { initialStateDict } from '../../../src/model/stateDict.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { encode, EOS as eos } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../../device.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';
import { PlainWorker } from '../plainWorker.ts';

const device = await openDevice();
afterAll(() => device.destroy());

const { config, stateDict } = readCheckpoint(
  readFileSync('tests/fixtures/checkpoints/tiny.safetensors'),
  'tiny',
);
const spec: Spec = {
  ...{ protocol: PROTOCOL, version: '0.1.0', mode: 'same-class', class: 'wasm-test', adapter: 'test', eos },
  ...{ model: { ...config }, matmulPrecision: 'highest', kernels: {} },
};
const prompts = Array.from({ length: 12 }, (_, i) => encode(`${i}+${i + 1}=`));
const options = { groupSize: 4, maxNewTokens: 24, temperature: 1, seed: 3, firstSequenceId: 40 };

async function opened(server: NatsServer, run: string, changes: Partial<CoordinatorOptions> = {}) {
  const events: ClusterEvent[] = [];
  const connected = await connectNode({ url: server.url, name: 'trainer' });
  const on = (event: ClusterEvent) => void events.push(event);
  const coordinator = await Coordinator.open({ connected, run, name: 'a run', spec, on, ...changes });
  const model = new Transformer(device, config, stateDict);
  const local = new Sampler(model, { eos });
  return { coordinator, model, local, events, sampler: new RemoteSampler(model, local, coordinator) };
}

describe.skipIf(!hasNatsServer)('a coordinator', () => {
  test('samples alone to the bits of the local sampler', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler, local } = await opened(server, 'alone');
    await using _ = coordinator;
    expect(await sampler.generate(prompts, options)).toEqual(await local.generate(prompts, options));
    const { items, ownItems, connected } = coordinator.figures();
    expect({ items, ownItems, connected }).toEqual({ items: 1, ownItems: 1, connected: 0 });
  });

  test('samples with workers to the same bits', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler, local, events } = await opened(server, 'together');
    await using _ = coordinator;
    const [url, run] = [server.url, 'together'];
    await using first = await PlainWorker.start({ url, run, eos, instance: 'first' });
    await using second = await PlainWorker.start({ url, run, eos, instance: 'second' });
    const expected = await local.generate(prompts, options);
    for (let i = 0; i < 3; i++) expect(await sampler.generate(prompts, options)).toEqual(expected);
    const figures = coordinator.figures();
    expect(events.map(({ type }) => type)).toEqual(['joined', 'joined']);
    expect(figures.connected).toBe(2);
    expect(first.items + second.items).toBeGreaterThan(0);
  });

  test.each([
    ['with its streams', false],
    ['empty', true],
  ])(
    'outlives its server, which comes back %s',
    async (_name, isEmpty) => {
      await using server = await NatsServer.start();
      const { coordinator, sampler, local, events } = await opened(server, 'outlives');
      await using _ = coordinator;
      const told = (type: ClusterEvent['type']) =>
        expect.poll(() => events.some((event) => event.type === type), { timeout: 60_000 }).toBe(true);
      await using worker = await PlainWorker.start({
        url: server.url,
        run: 'outlives',
        eos,
        instance: 'one',
      });
      const expected = await local.generate(prompts, options);
      const running = sampler.generate(prompts, options);
      await server.kill();
      expect(await running).toEqual(expected);
      await told('alone');
      expect(await sampler.generate(prompts, options)).toEqual(expected);
      if (isEmpty) rmSync(join(server.directory, 'streams'), { recursive: true, force: true });
      await server.start();
      await told('back');
      await expect
        .poll(
          () =>
            worker.hello().then(
              ({ epoch }) => epoch,
              () => 0,
            ),
          { timeout: 60_000 },
        )
        .toBe(coordinator.epoch);
      const before = worker.items;
      await expect
        .poll(
          async () => {
            expect(await sampler.generate(prompts, options)).toEqual(expected);
            return worker.items;
          },
          { timeout: 60_000, interval: 1 },
        )
        .toBeGreaterThan(before);
    },
    60_000,
  );

  test('ends when another one takes its run over, and publishes nothing more', async () => {
    await using server = await NatsServer.start();
    const first = await opened(server, 'taken');
    await using _ = first.coordinator;
    await using __ = await PlainWorker.start({
      url: server.url,
      run: 'taken',
      eos,
      instance: 'one',
      before: () => new Promise<void>(() => {}),
    });
    const running = first.sampler.generate(prompts, options);
    running.catch(() => undefined);
    const second = await opened(server, 'taken');
    await using ___ = second.coordinator;
    expect(second.coordinator.epoch).toBeGreaterThan(first.coordinator.epoch);
    await expect(first.sampler.generate(prompts, options)).rejects.toMatchObject({ code: 'SUPERSEDED' });
    await expect(running).rejects.toMatchObject({ code: 'SUPERSEDED' });
    await first.coordinator.close();
    const jsm = await jetstreamManager(__.nats);
    const { config } = await jsm.streams.info(streamsOf('taken').work);
    expect(config.subjects).toEqual([new RunSubjects('taken').ofEpoch(second.coordinator.epoch).work]);
  }, 60_000);

  test('makes the items of a worker that hangs', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler, local } = await opened(server, 'hangs');
    await using _ = coordinator;
    let hung = 0;
    const before = () => {
      hung++;
      return new Promise<void>(() => {});
    };
    await using __ = await PlainWorker.start({ url: server.url, run: 'hangs', eos, instance: 'one', before });
    const expected = await local.generate(prompts, options);
    for (let job = 0; job < 100 && hung === 0; job++)
      expect(await sampler.generate(prompts, options)).toEqual(expected);
    expect(hung).toBe(1);
  }, 60_000);

  test('refuses workers that it cannot use, and says why', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler, events } = await opened(server, 'refuses');
    await using _ = coordinator;
    const cards: Record<string, Partial<WorkerCard>> = {
      protocol: { protocol: PROTOCOL + 1 },
      version: { version: '0.0.9' },
      class: { class: 'llvmpipe-12345678', adapter: 'llvmpipe' },
    };
    for (const [reason, card] of Object.entries(cards)) {
      await using worker = await PlainWorker.start({
        url: server.url,
        run: 'refuses',
        eos,
        instance: reason,
        card,
      });
      expect(worker.welcome?.refusal).toMatchObject({ reason });
    }
    expect(events.map((event) => event.type === 'refused' && event.refusal.reason)).toEqual(
      Object.keys(cards),
    );
    await sampler.generate(prompts, options);
    const { connected, ownItems, items } = coordinator.figures();
    expect({ connected, isAlone: ownItems === items }).toEqual({ connected: 0, isAlone: true });
  });

  test('answers who asks for trainers', async () => {
    await using server = await NatsServer.start();
    const { coordinator } = await opened(server, 'found');
    await using _ = coordinator;
    await using worker = await PlainWorker.start({ url: server.url, run: 'found', eos, instance: 'one' });
    const ask = async (question: string) =>
      decodeMessage(trainerCardSchema, (await worker.nats.request(FIND_SUBJECT, question)).data, 'card');
    const card = await ask('workers');
    expect(card).toMatchObject({ run: 'found', name: 'a run', epoch: coordinator.epoch, state: 'running' });
    expect(card).toMatchObject({ served: 1, workers: [{ card: { instance: 'one' } }] });
    // Workers ask often, and need no list.
    expect(await ask('')).toEqual({ ...card, workers: [] });
    const told = await worker.nats.request(new RunSubjects('found').spec);
    expect(await specDigest(told.data)).toBe(card.spec);
    expect(decodeMessage(specSchema, told.data, 'spec')).toEqual(spec);
  });

  test('deletes its streams at the end, and tells workers', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler } = await opened(server, 'ends');
    await using worker = await PlainWorker.start({ url: server.url, run: 'ends', eos, instance: 'one' });
    await sampler.generate(prompts, options);
    const jsm = await jetstreamManager(worker.nats);
    expect((await jsm.streams.names().next()).sort()).toEqual(
      ['KV_mf_runs', ...Object.values(streamsOf('ends'))].sort(),
    );
    await coordinator.close();
    expect(await jsm.streams.names().next()).toEqual(['KV_mf_runs']);
    await expect(worker.hello()).rejects.toThrow();
    await expect(sampler.generate(prompts, options)).rejects.toMatchObject({ code: 'DEADLINE' });
  });

  test('bans a worker that sends what is no result, and makes its items again', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler, local, events } = await opened(server, 'bans');
    await using _ = coordinator;
    const change = (completions: Completion[]) => completions.slice(1);
    await using worker = await PlainWorker.start({
      url: server.url,
      run: 'bans',
      eos,
      instance: 'liar',
      change,
    });
    const expected = await local.generate(prompts, options);
    const isBanned = () => events.some(({ type }) => type === 'banned');
    for (let job = 0; job < 100 && !isBanned(); job++)
      expect(await sampler.generate(prompts, options)).toEqual(expected);
    expect(isBanned()).toBe(true);
    expect((await worker.hello()).refusal).toMatchObject({ reason: 'banned' });
    const { connected, rejected } = coordinator.figures();
    // It may have sent another result before it heard of the ban.
    expect({ connected, isRejected: rejected >= 1 }).toEqual({ connected: 0, isRejected: true });
  });

  test('serves two samplers at a time, each with its own weights', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler, local } = await opened(server, 'two', { staleness: 1 });
    await using _ = coordinator;
    const [url, run] = [server.url, 'two'];
    await using __ = await PlainWorker.start({ url, run, eos, instance: 'one' });
    const other = Transformer.create(device, config, 7);
    const otherLocal = new Sampler(other, { eos });
    const otherSampler = new RemoteSampler(other, otherLocal, coordinator);
    const expected = [await local.generate(prompts, options), await otherLocal.generate(prompts, options)];
    for (let job = 0; job < 3; job++) {
      const both = [sampler.generate(prompts, options), otherSampler.generate(prompts, options)];
      expect(await Promise.all(both)).toEqual(expected);
    }
    // A version for each of the two, and no more.
    const jsm = await jetstreamManager(__.nats);
    const { state } = await jsm.streams.info(streamsOf(run).policy, { subjects_filter: '>' });
    expect(Object.keys(state.subjects ?? {})).toHaveLength(2);
  });

  test('keeps the last versions of the weights on the server, and reads them at each call', async () => {
    await using server = await NatsServer.start();
    const { coordinator, sampler, local, model } = await opened(server, 'versions');
    await using _ = coordinator;
    const [url, run] = [server.url, 'versions'];
    await using worker = await PlainWorker.start({ url, run, eos, instance: 'one' });
    for (const seed of [1, 2, 3, 4, 5]) {
      model.load(initialStateDict(config, seed));
      expect(await sampler.generate(prompts, options)).toEqual(await local.generate(prompts, options));
    }
    const jsm = await jetstreamManager(worker.nats);
    const { state } = await jsm.streams.info(streamsOf(run).policy, { subjects_filter: '>' });
    const subjects = new RunSubjects(run);
    expect(Object.keys(state.subjects ?? {}).sort()).toEqual(
      [3, 4].map((version) => subjects.chunk(coordinator.epoch, version, 0)),
    );
  });

  test.each([
    ['items', 'work', 1],
    ['weights', 'policy', 0],
  ] as const)('goes on where the server has no room for %s', async (what, stream, most) => {
    await using server = await NatsServer.start();
    const run = `full-${stream}`;
    const { coordinator, sampler, local, events } = await opened(server, run);
    await using _ = coordinator;
    await using worker = await PlainWorker.start({ url: server.url, run, eos, instance: 'one' });
    const jsm = await jetstreamManager(worker.nats);
    const limits = most > 0 ? { max_msgs: most } : { max_bytes: 1000, discard: DiscardPolicy.New };
    await jsm.streams.update(streamsOf(run)[stream], limits);
    const expected = await local.generate(prompts, options);
    for (let job = 0; job < 2; job++) expect(await sampler.generate(prompts, options)).toEqual(expected);
    const told = events.filter(({ type }) => type !== 'joined').map(({ type }) => type);
    expect(told).toEqual(what === 'items' ? [] : ['alone']);
  });
});
