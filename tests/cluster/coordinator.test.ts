/** The trainer's side on a real server, with workers in this process. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { Coordinator } from '../../src/cluster/coordinator.ts';
import type { ClusterEvent } from '../../src/cluster/events.ts';
import { connectNode } from '../../src/cluster/node.ts';
import { RemoteSampler } from '../../src/cluster/remoteSampler.ts';
import { PROTOCOL, type Spec } from '../../src/cluster/spec.ts';
import { readCheckpoint } from '../../src/formats/index.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { encode, EOS as eos } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import { hasNatsServer, NatsServer } from './natsServer.ts';
import { PlainWorker } from './plainWorker.ts';

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

async function opened(server: NatsServer, run: string) {
  const events: ClusterEvent[] = [];
  const connected = await connectNode({ url: server.url, name: 'trainer' });
  const on = (event: ClusterEvent) => void events.push(event);
  const coordinator = await Coordinator.open({ connected, run, name: 'a run', spec, on });
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
});
