/**
 * Watch the memory of a trainer and of a real worker over thousands of items, each step with other weights: neither may grow.
 */
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { Child } from '../../tests/chaos/child.ts';
import { NatsServer } from '../../tests/cluster/natsServer.ts';
import { policyOf } from '../stepCases.ts';
import { processFigures } from './processFigures.ts';
import { joined, machineWith, sharing } from './simulation.ts';

/** Items of the run, and times that memory is looked at. */
const ITEMS = 10_000;
const LOOKS = 10;
/** Steps before the first look: pools and recordings fill. */
const WARM = 50;

/** Memory after a number of items, in bytes. */
export interface EnduranceLook {
  readonly items: number;
  /** Bytes of the trainer's JavaScript objects after a collection, where node was given `--expose-gc`, and all of its memory. */
  readonly trainerHeap: number;
  readonly trainerBytes: number;
  /** Bytes on the trainer's device. */
  readonly deviceBytes: number;
  readonly workerBytes: number | null;
}

/** Train with a worker until a number of items is done. */
export async function measureEndurance(device: Device): Promise<EnduranceLook[]> {
  await using server = await NatsServer.start();
  await using worker = new Child({
    name: 'worker',
    script: 'src/cli/main.ts',
    args: ['worker', server.url, '--once', '--threads', '1'],
  });
  const policy = policyOf(device, 'tiny');
  const plain = machineWith(device, (model) => new Sampler(model, { eos: EOS }));
  const where = { model: policy.config, eos: EOS, url: server.url, run: 'endurance' };
  await using machine = await sharing(plain, where);
  await joined(machine, 1);
  const options = grpoOptions({ batchSize: 8, groupSize: 4, maxNewTokens: 16, steps: ITEMS });
  const trainer = new GrpoTrainer(policy, options, {
    task: ARITHMETIC,
    sampler: machine.sampler(policy, EOS),
  });
  const looks: EnduranceLook[] = [];
  let items = 0;
  for (let step = 0; items < ITEMS; step++) {
    await trainer.step();
    items += machine.figures?.().items ?? 0;
    if (step < WARM || items < ((looks.length + 1) * ITEMS) / LOOKS) continue;
    globalThis.gc?.();
    looks.push({
      items,
      trainerHeap: process.memoryUsage().heapUsed,
      trainerBytes: process.memoryUsage().rss,
      deviceBytes: device.memory().liveBytes + device.memory().pooledBytes,
      workerBytes: processFigures(worker.pid ?? 0).bytes,
    });
  }
  trainer.dispose();
  return looks;
}
