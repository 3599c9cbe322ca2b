/** `mathformer worker` as a process: what it says, how it ends, and what becomes of its item. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { machineClass } from '../../../src/cluster/protocol/machineClass.ts';
import { readResult } from '../../../src/cluster/protocol/result.ts';
import { readResultHeaders } from '../../../src/cluster/protocol/resultHeaders.ts';
import { PROTOCOL, type Spec } from '../../../src/cluster/protocol/spec.ts';
import { Device } from '../../../src/gpu/device.ts';
import { openAdapter } from '../../../src/gpu/node.ts';
import { initialStateDict, modelConfig } from '../../../src/model/index.ts';
import { versions } from '../../../src/runs/provenance.ts';
import { hasNatsServer, NatsServer } from '../../cluster/natsServer.ts';
import { ScriptedTrainer } from '../../cluster/worker/scriptedTrainer.ts';
import { type Started, start } from '../cliProcess.ts';
import { mathformer } from '../inProcess.ts';

const EOS = 2;
/** Large enough that a long item is not done within the time that a worker has after a signal. */
const MODEL = modelConfig('small', { vocabSize: 20 });
const WEIGHTS = initialStateDict(MODEL, 1);
const PROMPTS = [[3, 4, 5], [6]];
/** Items that take some seconds. */
const LONG = { groupSize: 100, maxNewTokens: 500 };

let server: NatsServer;
let spec: Spec;
beforeAll(async () => {
  if (!hasNatsServer) return;
  server = await NatsServer.start();
  const device = await Device.open((await openAdapter({ name: 'wasm', threads: 1 })).adapter);
  const { mathformer: version, webgpu: driver } = versions();
  spec = {
    ...{ protocol: PROTOCOL, version, mode: 'same-class', eos: EOS, model: MODEL, kernels: {} },
    class: await machineClass(device, { mathformer: version, driver }),
    adapter: device.info.description,
    matmulPrecision: 'highest',
  };
  device.destroy();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const running: Started[] = [];
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

/** Start a worker on one thread of the adapter wasm. */
function work(...args: string[]): Started {
  const options = ['--adapter', 'wasm', '--threads', '1', ...args];
  const started = start('src/cli/main.ts', ['worker', server.url, ...options]);
  running.push(started);
  return started;
}

const trainerOf = async (changes: Partial<Spec> = {}, ackWait = 5) =>
  ScriptedTrainer.start(await connectNode({ url: server.url, name: 'test' }), {
    ...{ run: randomUUID(), spec: { ...spec, ...changes }, ackWait },
  });

/** Put an item that takes long, and wait until a worker has it. */
async function begin(trainer: ScriptedTrainer): Promise<void> {
  await trainer.put('0-0', await trainer.publish(WEIGHTS), PROMPTS, LONG);
  await trainer.until(async () => (await trainer.queue()).out === 1, 'a worker has the item', 60);
}

describe.skipIf(!hasNatsServer)('mathformer worker', () => {
  it('works once, and says what it did', async () => {
    await using trainer = await trainerOf();
    const process = work('--once', '--name', 'Alice');
    const policy = await trainer.publish(WEIGHTS);
    const item = await trainer.put('0-0', policy, PROMPTS, { groupSize: 3 });
    const [result] = await trainer.collect(1, 60);
    expect(readResult(result?.bytes ?? new Uint8Array(), item, { vocabSize: 20, eos: EOS })).toHaveLength(6);
    await trainer.until(async () => (await trainer.queue()).out === 0, 'it is acknowledged');
    trainer.state = 'done';
    const { code, stdout, stderr } = await process.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').map((line) => line.replace(/[\d,.]+(?= tokens)|\d+s$/g, 'N'))).toEqual([
      `Worker Alice on WebAssembly SIMD, class ${spec.class}`,
      `Connected to ${server.url}; Ctrl-C ends the worker`,
      `Working for the ${trainer.run}`,
      `the ${trainer.run} is over`,
      'The run is over: 1 work item done with N tokens in N',
      '',
    ]);
    expect(trainer.cards[0]).toMatchObject({
      ...{ name: 'Alice', class: spec.class, adapter: 'WebAssembly SIMD', version: spec.version },
      platform: expect.stringMatching(/^Node v\d+\S+, \S+-\S+$/),
    });
  });

  it('prints one document with --json, and nothing on the way with --quiet', async () => {
    const { code, stdout, stderr } = await work('--max_idle', '1', '--json', '--quiet').ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ...{ reason: 'idle', items: 0, tokens: 0, tokensPerSecond: 0 },
      seconds: expect.any(Number),
    });
    expect(stderr).toMatch(/No work for 1 s: 0 work items done/);
    expect(stderr).not.toMatch(/^Worker /m);
  });

  it('says why it is refused, and ends with --once', async () => {
    await using _ = await trainerOf({ class: 'other-1', adapter: 'another' });
    const { code, stdout, stderr } = await work('--once').ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Cannot work for the \S+: the worker is of the class wasm-/m);
    expect(stderr).toMatch(
      /^error: the worker is of the class wasm-.* — start the worker on a machine like the trainer/,
    );
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'hands its item back after %s, for another worker',
    async (signal) => {
      await using trainer = await trainerOf({}, 60);
      const first = work();
      await begin(trainer);
      first.child.kill(signal);
      const { code, stdout } = await first.ended;
      expect(code).toBe(signal === 'SIGTERM' ? 143 : 130);
      expect(stdout).toMatch(/^Stopping: finishing the work item, or handing it back/m);
      expect(stdout).toMatch(/^Stopped: [01] work items? done/m);
      // It may have been finished in time.
      if (/Stopped: 1 /.test(stdout)) return;
      expect(stdout).toMatch(/^Handed a work item back: this worker ends$/m);
      work();
      const [result] = await trainer.collect(1, 60);
      expect(readResultHeaders(result?.message.headers).deliveries).toBe(2);
    },
  );

  it('ends at once after a second signal', async () => {
    await using trainer = await trainerOf({}, 60);
    const process = work();
    await begin(trainer);
    process.child.kill('SIGTERM');
    await process.said(/Stopping/);
    process.child.kill('SIGTERM');
    expect(await process.ended).toMatchObject({
      signal: 'SIGTERM',
      stdout: expect.not.stringContaining('Stopped:'),
    });
  });

  it('that is killed leaves its item to another one', async () => {
    await using trainer = await trainerOf({}, 3);
    const first = work();
    await begin(trainer);
    first.child.kill('SIGKILL');
    await first.ended;
    work();
    const [result] = await trainer.collect(1, 60);
    expect(readResultHeaders(result?.message.headers).deliveries).toBe(2);
    await trainer.until(async () => (await trainer.queue()).out === 0, 'it is acknowledged');
    expect(trainer.results).toHaveLength(1);
  });

  it('says that it lost the server and found it again', async () => {
    await using own = await NatsServer.start();
    const process = start('src/cli/main.ts', ['worker', own.url, '--adapter', 'wasm', '--threads', '1']);
    running.push(process);
    await process.said(/Waiting for a run/);
    await own.kill();
    await process.said(/Lost the server; reconnecting/);
    await own.start();
    await process.said(/Found the server again/);
    process.child.kill('SIGINT');
    expect(await process.ended).toMatchObject({ code: 130, stderr: '' });
  });
});

describe('mathformer worker says what is wrong', () => {
  it.each([
    [[], 2, /^error: missing required argument 'url'/],
    [['host:4222'], 2, /^error: 'host:4222' is not an address of a server — give nats:\/\/HOST:PORT/],
    [['http://host'], 2, /is not an address of a server/],
    [['nats://host', '--max_idle', '0'], 2, /^error: --max_idle cannot be 0 — give an integer from 1/],
    [['nats://host', '--name', ''], 2, /^error: --name cannot be "" — give a name/],
    [['nats://host', '--task', 'sorting'], 2, /^error: unknown option '--task'/],
    [['nats://127.0.0.1:9', '--creds', 'no/such/file'], 1, /no\/such\/file: there is no such file/],
    [
      ['nats://127.0.0.1:9', '--adapter', 'wasm'],
      1,
      /cannot be reached: connection refused — check that the server runs/,
    ],
    [['tls://127.0.0.1:9', '--adapter', 'wasm', '--ca', 'no/ca'], 1, /no\/ca: there is no such file/],
  ] as const)('%j', async (args, code, problem) => {
    const ended = await mathformer('worker', ...args);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(problem);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('of credentials', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mathformer-worker-'));
    const file = join(directory, 'bad.creds');
    writeFileSync(file, 'not credentials');
    const { code, stderr } = await mathformer(
      'worker',
      'nats://127.0.0.1:9',
      '--adapter',
      'wasm',
      '--creds',
      file,
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: the credentials are not the JWT of a user and the seed of its key — /);
    rmSync(directory, { recursive: true });
  });
});
