/** Sessions that share their rollouts on a real server: the bits are those of a session alone. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectNode } from '../../src/cluster/connection/node.ts';
import type { ClusterEvent } from '../../src/cluster/trainer/events.ts';
import { deviceWorker } from '../../src/cluster/worker/deviceWorker.ts';
import { readCheckpoint } from '../../src/formats/index.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import type { TrainingEvent } from '../../src/training/events.ts';
import { trainGrpo } from '../../src/training/grpo.ts';
import { machineOf } from '../../src/training/machine.ts';
import { MemoryStore } from '../../src/training/memoryStore.ts';
import { rowsOf, workersOf } from '../../src/training/runRows.ts';
import { withWorkers } from '../../src/training/workers.ts';
import { hasNatsServer, NatsServer } from '../cluster/natsServer.ts';
import { openDevice } from '../device.ts';

const VERSIONS = { mathformer: '0.1.0' };
const STEPS = 4;

const task = arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' });
const model = () => readCheckpoint(readFileSync('tests/fixtures/checkpoints/tiny_easy.pt'), 'tiny');
const optionsOf = (staleness: number) => ({
  ...{ task, model, evalSize: 8, evalInterval: 2, saveInterval: 1 },
  grpo: grpoOptions({ steps: STEPS, batchSize: 8, groupSize: 4, maxNewTokens: 12, lr: 1e-3, staleness }),
  taskSettings: { task: 'arithmetic' },
});
const weightsOf = ({ files }: MemoryStore) => files.read('checkpoints/rl_model_final.safetensors');
const metricsOf = ({ files }: MemoryStore) =>
  rowsOf(files.read('metrics.jsonl') ?? new Uint8Array()).rows.map((row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !/^workers\/|_time$/.test(name))),
  );

let server: NatsServer;
beforeAll(async () => {
  if (hasNatsServer) server = await NatsServer.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** Start a worker, which ends when it is disposed of. */
async function workerOf(url: string) {
  const ending = new AbortController();
  const worker = await deviceWorker({
    connect: () => connectNode({ url, name: 'worker' }),
    open: openDevice,
    name: 'w',
    platform: 'test',
    versions: { mathformer: VERSIONS.mathformer, driver: '' },
  });
  const running = worker.run({ signal: ending.signal });
  return {
    worker,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await running;
    },
  };
}

/** Train with workers. @param hear hears of the session and of workers. */
async function shared(
  run: string,
  store: MemoryStore,
  staleness: number,
  hear: (event: TrainingEvent | ClusterEvent) => void | Promise<void> = () => undefined,
) {
  return trainGrpo(optionsOf(staleness), {
    store,
    openMachine: async (need) =>
      withWorkers(machineOf(await openDevice(), { versions: VERSIONS }), need, {
        ...{ connect: connectNode, url: server.url, run, name: run, staleness, spotChecks: 0.2 },
        on: (event) => void hear(event),
      }),
    on: hear,
  });
}

describe.skipIf(!hasNatsServer).each([0, 1])('a session with workers, %i steps of staleness', (staleness) => {
  const alone = new MemoryStore();
  beforeAll(async () => {
    const openMachine = async () => machineOf(await openDevice(), { versions: VERSIONS });
    await trainGrpo(optionsOf(staleness), { store: alone, openMachine });
  });

  /** Hold the first step until a worker has joined. */
  const untilJoined = () => {
    let tell: () => void = () => undefined;
    const joined = new Promise<void>((resolve) => {
      tell = resolve;
    });
    return (event: TrainingEvent | ClusterEvent): Promise<void> | undefined => {
      if (event.type === 'joined') tell();
      return event.type === 'phase' ? joined : undefined;
    };
  };

  test('has the weights and metrics of one alone', { timeout: 60_000 }, async () => {
    const store = new MemoryStore();
    await using first = await workerOf(server.url);
    await using second = await workerOf(server.url);
    await shared(`whole${staleness}`, store, staleness, untilJoined());
    expect(weightsOf(store)).toEqual(weightsOf(alone));
    expect(metricsOf(store)).toEqual(metricsOf(alone));
    expect(first.worker.counts.items + second.worker.counts.items).toBeGreaterThan(0);
    const { rows } = workersOf(store.files.read('workers.jsonl') ?? new Uint8Array());
    expect(new Set(rows.map(({ step }) => step))).toEqual(new Set([1, 2, 3, 4]));
    expect(rows.filter(({ rejected }) => rejected !== 0)).toEqual([]);
  });

  test('is interrupted with workers and resumes without, to the same weights', {
    timeout: 60_000,
  }, async () => {
    const store = new MemoryStore();
    class Gone extends Error {}
    const hold = untilJoined();
    await using _ = await workerOf(server.url);
    const interrupted = shared(`gone${staleness}`, store, staleness, (event) => {
      if (event.type === 'checkpoint' && event.step === 2) throw new Gone();
      return hold(event);
    });
    await expect(interrupted).rejects.toThrow(Gone);
    const openMachine = async () => machineOf(await openDevice(), { versions: VERSIONS });
    await trainGrpo(optionsOf(staleness), { store, openMachine });
    expect(weightsOf(store)).toEqual(weightsOf(alone));
  });

  test('outlives its server to the same weights', { timeout: 90_000 }, async () => {
    const store = new MemoryStore();
    const events: string[] = [];
    const hold = untilJoined();
    await using _ = await workerOf(server.url);
    await shared(`server${staleness}`, store, staleness, async (event) => {
      events.push(event.type);
      if (event.type === 'step' && event.step === 2) await server.kill();
      await hold(event);
    });
    await server.start();
    expect(events).toContain('alone');
    expect(weightsOf(store)).toEqual(weightsOf(alone));
  });
});
