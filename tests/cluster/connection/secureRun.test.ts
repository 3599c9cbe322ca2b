/** A trainer and two workers over TLS, each with its own credentials; those of one worker expire meanwhile. */
import { readFileSync } from 'node:fs';
import { errors } from '@nats-io/nats-core';
import { describe, expect, it } from 'vitest';
import type { Connected } from '../../../src/cluster/connection/connection.ts';
import { machineClass } from '../../../src/cluster/protocol/machineClass.ts';
import { PROTOCOL, type Spec } from '../../../src/cluster/protocol/spec.ts';
import { Coordinator } from '../../../src/cluster/trainer/coordinator.ts';
import { RemoteSampler } from '../../../src/cluster/trainer/remoteSampler.ts';
import { deviceWorker } from '../../../src/cluster/worker/deviceWorker.ts';
import { readCheckpoint } from '../../../src/formats/index.ts';
import { Device, type DeviceOptions } from '../../../src/gpu/device.ts';
import { openAdapter } from '../../../src/gpu/node.ts';
import { Sampler } from '../../../src/model/sampler.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { encode, EOS as eos } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { hasNatsServer } from '../natsServer.ts';
import { SecureServer } from '../secureServer.ts';

const VERSIONS = { mathformer: '0.1.0', driver: 'test' };
const openWasm = async (options: DeviceOptions = {}) =>
  Device.open((await openAdapter({ name: 'wasm', threads: 1 })).adapter, options);

const { config, stateDict } = readCheckpoint(
  readFileSync('tests/fixtures/checkpoints/tiny.safetensors'),
  'tiny',
);
const prompts = Array.from({ length: 8 }, (_, i) => encode(`${i}+${i + 1}=`));
const options = { groupSize: 4, maxNewTokens: 24, temperature: 1, seed: 3, firstSequenceId: 0 };
const SECOND = 1000;

describe.skipIf(!hasNatsServer)('a run on a server of `cluster init`', () => {
  it('needs no permission that its credentials lack, and goes on when those of a worker expire', async () => {
    await using secure = await SecureServer.start();
    const violations: string[] = [];
    const connect = async (name: string): Promise<Connected> => {
      const connected = await secure.connect(name);
      void noteViolations(connected, (subject) => violations.push(`${name}: ${subject}`));
      return connected;
    };
    const worker = (name: string) =>
      deviceWorker({
        connect: () => connect(name),
        ...{ open: openWasm, name, platform: 'test', versions: VERSIONS },
      });

    const device = await openWasm();
    const spec: Spec = {
      ...{ protocol: PROTOCOL, version: VERSIONS.mathformer, mode: 'same-class', eos },
      ...{ class: await machineClass(device, VERSIONS), adapter: device.info.description },
      ...{ model: { ...config }, matmulPrecision: 'highest', kernels: {} },
    };
    const model = new Transformer(device, config, stateDict);
    const local = new Sampler(model, { eos });
    const expected = await local.generate(prompts, options);
    const connected = await connect('trainer');
    await using coordinator = await Coordinator.open({ connected, run: 'run', name: 'a run', spec });
    const sampler = new RemoteSampler(model, local, coordinator);

    await secure.add('short', new Date(Date.now() + 4 * SECOND));
    const end = new AbortController();
    const [lasting, short] = [await worker('worker-1'), await worker('short')];
    const ended = short.run().catch((error: unknown) => error);
    const working = lasting.run({ signal: end.signal });
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    let rounds = 0;
    while (!isOver || lasting.counts.items === 0 || rounds < 3) {
      expect(await sampler.generate(prompts, options)).toEqual(expected);
      rounds++;
    }
    expect(await ended).toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: /^the credentials have expired .*; ask the owner of the server for new ones$/,
    });
    expect(await sampler.generate(prompts, options)).toEqual(expected);
    end.abort();
    await working;
    expect(violations).toEqual([]);
    device.destroy();
  });
});

/** Tell what the server does not permit to a connection. */
async function noteViolations({ nats }: Connected, tell: (subject: string) => void): Promise<void> {
  for await (const event of nats.status()) {
    if (event.type === 'error' && event.error instanceof errors.PermissionViolationError)
      tell(`${event.error.operation} ${event.error.subject}`);
  }
}
