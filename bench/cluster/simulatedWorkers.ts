/**
 * Workers that pretend to sample, in one process: they take items and answer with recorded completions after the time that
 * sampling would take. Some give up in the middle of an item, some are slow. Run directly by node, with its options as JSON;
 * ends when its input does.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { connectNode } from '../../src/cluster/connection/node.ts';
import type { RolloutMachine } from '../../src/cluster/worker/rolloutMachine.ts';
import { RolloutWorker } from '../../src/cluster/worker/worker.ts';
import { RecordedCompletions } from './recordedCompletions.ts';

export const simulationSchema = z.strictObject({
  url: z.string(),
  /** Path of the recorded completions. */
  recorded: z.string(),
  /** Number of workers. */
  count: z.int(),
  /** Speed of each worker. */
  tokensPerSecond: z.number(),
  /** Class of machine and version that the workers claim. */
  class: z.string(),
  version: z.string(),
  /** Share of the workers that are 10 times as slow. */
  slow: z.number().default(0),
  /** Probability that a worker's connection ends in the middle of an item. Another worker comes. */
  abandoned: z.number().default(0),
});
export type Simulation = z.input<typeof simulationSchema>;

const SLOWNESS = 10;

const options = simulationSchema.parse(JSON.parse(process.argv[2] ?? ''));
const recorded = RecordedCompletions.parse(readFileSync(options.recorded, 'utf8'));
let [items, abandoned] = [0, 0];

/** Work until the connection is abandoned. */
async function work(index: number): Promise<void> {
  const { url, count, tokensPerSecond, slow, version } = options;
  const isSlow = index < slow * count;
  const sampler = recorded.sampler(isSlow ? tokensPerSecond / SLOWNESS : tokensPerSecond);
  const connected = await connectNode({ url, name: `simulated ${index}` });
  const machine: RolloutMachine = {
    load: () => {},
    generate: async (...call) => {
      if (Math.random() >= options.abandoned) return sampler.generate(...call);
      abandoned += 1;
      await connected.nats.close();
      return new Promise(() => {});
    },
    lost: async () => false,
    async [Symbol.asyncDispose]() {},
  };
  const worker = new RolloutWorker({
    connect: async () => connected,
    open: async () => machine,
    facts: {
      name: `simulated ${index}`,
      version,
      class: options.class,
      adapter: 'simulated',
      platform: 'simulated',
    },
    on: ({ type }) => {
      if (type === 'item') items += 1;
    },
  });
  await worker.run();
}

for (let index = 0; index < options.count; index++) {
  void (async () => {
    for (;;) await work(index).catch(() => {});
  })();
}
process.stdin
  .on('end', () => {
    process.stdout.write(`${JSON.stringify({ items, abandoned })}\n`, () => process.exit());
  })
  .resume();
