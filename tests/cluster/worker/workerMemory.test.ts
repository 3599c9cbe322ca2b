/** The memory of a worker over thousands of items, and what its modules load. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { initialStateDict } from '../../../src/model/index.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';
import { ScriptedTrainer } from './scriptedTrainer.ts';
import { MODEL, RunningWorker, SPEC } from './workerParts.ts';

const ITEMS = 10_000;
/** Items between two looks at the memory. */
const ROUND = 1000;
/** Bytes that the heap may grow after the first rounds: a hundredth of the items that passed. */
const MOST_GROWTH = 2 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Return the bytes in use after a collection. */
function usedBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it.skipIf(!hasNatsServer)(
  'does not grow over 10,000 items',
  async () => {
    await using server = await NatsServer.start();
    const connect = () => connectNode({ url: server.url, name: 'test' });
    await using trainer = await ScriptedTrainer.start(await connect(), { spec: SPEC });
    await using running = new RunningWorker(connect);
    const versions = [
      await trainer.publish(initialStateDict(MODEL, 1), 0),
      await trainer.publish(initialStateDict(MODEL, 2), 1),
    ];
    const prompts = Array.from({ length: 20 }, () => Array.from({ length: 50 }, () => 3));
    const used: number[] = [];
    for (let done = 0; done < ITEMS; done += ROUND) {
      for (let i = 0; i < ROUND; i++) {
        const [one, two] = versions;
        const policy = i % 100 < 50 ? one : two;
        if (policy) await trainer.put(`${done}-${i}`, policy, prompts);
      }
      await trainer.collect(ROUND, 120);
      trainer.results.length = 0;
      running.events.length = 0;
      for (const { loaded } of running.machines) loaded.length = 0;
      used.push(usedBytes());
    }
    expect(running.worker.counts.items).toBeGreaterThan(ITEMS - 2);
    const [, , before = 0] = used;
    expect((used.at(-1) ?? Number.POSITIVE_INFINITY) - before).toBeLessThan(MOST_GROWTH);
  },
  600_000,
);
