/** Workers on a real server, with a trainer that does what the test says. */
import { describe, expect, it } from 'vitest';
import { deviceWorker } from '../../src/cluster/deviceWorker.ts';
import { machineClass } from '../../src/cluster/machineClass.ts';
import { connectNode } from '../../src/cluster/node.ts';
import { readResult } from '../../src/cluster/result.ts';
import { PROTOCOL, type Spec } from '../../src/cluster/spec.ts';
import type { WorkerEvent } from '../../src/cluster/workerEvents.ts';
import { Device, type DeviceOptions } from '../../src/gpu/device.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import { modelConfig, Sampler, Transformer } from '../../src/model/index.ts';
import { hasNatsServer, NatsServer } from './natsServer.ts';
import { ScriptedTrainer } from './scriptedTrainer.ts';

const VERSIONS = { mathformer: '0.1.0', driver: 'test' };
const EOS = 2;
const MODEL = modelConfig('tiny', { vocabSize: 20 });

const openWasm = async (options: DeviceOptions = {}) =>
  Device.open((await openAdapter({ name: 'wasm', threads: 1 })).adapter, options);

async function specOf(changes: Partial<Spec> = {}): Promise<Spec> {
  const device = await openWasm();
  const spec: Spec = {
    protocol: PROTOCOL,
    version: VERSIONS.mathformer,
    mode: 'same-class',
    class: await machineClass(device, VERSIONS),
    adapter: device.info.description,
    model: MODEL,
    eos: EOS,
    matmulPrecision: 'highest',
    kernels: {},
    ...changes,
  };
  device.destroy();
  return spec;
}

describe.skipIf(!hasNatsServer)('a worker', () => {
  it('does items as the trainer would, to the bit', async () => {
    await using server = await NatsServer.start();
    const connect = () => connectNode({ url: server.url, name: 'test' });
    await using trainer = await ScriptedTrainer.start(await connect(), { spec: await specOf() });
    const device = await openWasm();
    const model = Transformer.create(device, MODEL, 3);
    const policy = await trainer.publish(await model.stateDict());
    const prompts = [[3, 4, 5], [6, 7], [8]];
    const item = await trainer.put('0-0', policy, prompts, { groupSize: 4 });
    const filtered = await trainer.put('0-1', policy, prompts, { topK: 5, seed: 2 });
    const events: WorkerEvent[] = [];
    const worker = await deviceWorker({
      ...{ connect, open: openWasm, name: 'w', platform: 'test', versions: VERSIONS },
      on: (event) => events.push(event),
    });
    const running = worker.run({ once: true });
    const results = await trainer.collect(2);
    const sampler = new Sampler(model, { eos: EOS });
    for (const [i, sampled] of [item, filtered].entries()) {
      const own = await sampler.generate(sampled.prompts, sampled.sampling);
      const bytes = results[i]?.bytes ?? new Uint8Array();
      expect(readResult(bytes, sampled, { vocabSize: MODEL.vocabSize, eos: EOS })).toEqual(own);
    }
    await trainer.until(async () => (await trainer.queue()).out === 0, 'all items are acknowledged');
    trainer.state = 'done';
    expect(await running).toMatchObject({ reason: 'over', items: 2 });
  });
});
