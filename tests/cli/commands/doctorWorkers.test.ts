/** `doctor --workers URL` on real servers: what it tells of the server, of who is there, and of oneself. */
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterReport } from '../../../src/cli/cluster/examineCluster.ts';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import type { TrainerCard, WorkerCard } from '../../../src/cluster/protocol/messages.ts';
import { encodeMessage } from '../../../src/cluster/protocol/messages.ts';
import { hasNatsServer, NatsServer } from '../../cluster/natsServer.ts';
import { SecureServer } from '../../cluster/secureServer.ts';
import { mathformer } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/doctor.ts';

const worker = (instance: string, changes: Partial<WorkerCard> = {}): WorkerCard => ({
  ...{ protocol: 1, key: 'open', instance, name: `machine ${instance}`, version: '0.1.0', class: 'wasm-1' },
  ...{ adapter: 'WebAssembly SIMD', platform: 'Node v22, linux-x64', tokensPerSecond: 1234.5, items: 7 },
  ...{ run: 'run1', ...changes },
});
const trainer = (changes: Partial<TrainerCard> = {}): TrainerCard => ({
  ...{
    protocol: 1,
    run: 'run1',
    name: '/home/me/runs/a',
    version: '0.1.0',
    mode: 'same-class',
    class: 'wasm-1',
  },
  ...{
    adapter: 'WebAssembly SIMD',
    epoch: 3,
    state: 'running',
    spec: '0'.repeat(64),
    served: 0,
    workers: [],
    ...changes,
  },
});
const refusal = {
  reason: 'class',
  problem: 'the worker is of the class gpu-2, the trainer of wasm-1',
  fix: 'start the worker with --adapter wasm',
} as const;

/** Answer a question with a card. */
const answer = (nats: NatsConnection, subject: string, card: object) =>
  nats.subscribe(subject, { callback: (_, message) => void message.respond(encodeMessage(card)) });

const doctor = (url: string, ...flags: string[]) => mathformer('doctor', '--workers', url, ...flags);
async function reportOf(url: string, ...flags: string[]): Promise<{ code: number; report: ClusterReport }> {
  const { code, stdout } = await doctor(url, ...flags, '--json');
  return { code, report: JSON.parse(stdout) };
}

describe.skipIf(!hasNatsServer)('doctor --workers', () => {
  it('tells of an open server where nobody is', async () => {
    await using server = await NatsServer.start();
    const { code, report } = await reportOf(server.url);
    expect(code).toBe(0);
    expect(report).toMatchObject({
      ...{ usable: true, trainers: [], workers: [], problems: [] },
      identity: { credentials: null, roles: ['trainer', 'doctor', 'worker'] },
      server: { url: server.url, isEncrypted: false, hasJetStream: true, maxPayload: 2 ** 20 },
    });
    expect(report.server?.latency).toBeGreaterThan(0);
    expect(report.warnings.map(({ code }) => code)).toContain('NOT_ENCRYPTED');
    const { stdout } = await doctor(server.url);
    expect(stdout).toMatch(
      /^Server {4}nats-server \d+\.\d+\.\d+ at nats:.*, not encrypted, \d+\.\d ms away$/m,
    );
    expect(stdout).toMatch(/^You {7}anybody: the server asks for no credentials$/m);
    expect(stdout).toMatch(/^Trainers {2}none\nWorkers {3}none$/m);
  });

  it('tells who is there, and why one is refused', async () => {
    await using server = await NatsServer.start();
    const { nats } = await connectNode({ url: server.url, name: 'test' });
    const strange = worker('strange', { class: 'gpu-2', name: 'evil\u001b[2J\nServer fine', run: null });
    const gone = worker('gone');
    const known = [
      { card: strange, refusal, silentSeconds: 1 },
      { card: gone, refusal: null, silentSeconds: 9 },
    ];
    answer(nats, 'mf.find', trainer({ workers: known }));
    answer(nats, 'mf.find', { junk: true });
    answer(nats, 'mf.who', worker('here'));
    answer(nats, 'mf.who', strange);
    await nats.flush();
    const { code, report } = await reportOf(server.url);
    expect(code).toBe(0);
    expect(report.trainers).toEqual(
      [{ ...trainer(), workers: undefined }].map(({ workers, ...each }) => each),
    );
    const workers = new Map(report.workers.map((each) => [each.id, each]));
    expect([...workers.keys()].sort()).toEqual(['gone', 'here', 'strange']);
    expect(workers.get('here')).toMatchObject({
      answers: true,
      refusals: [],
      tokensPerSecond: 1234.5,
      run: 'run1',
    });
    expect(workers.get('gone')).toMatchObject({ answers: false, refusals: [] });
    expect(workers.get('strange')).toMatchObject({ answers: true, refusals: [{ run: 'run1', ...refusal }] });

    const { stdout } = await doctor(server.url);
    expect(stdout).toMatch(/^ {2}run1 +running +same-class +0\.1\.0 +wasm-1 +\/home\/me\/runs\/a$/m);
    expect(stdout).toMatch(
      /^ {2}here +machine here +run1 +wasm-1 +0\.1\.0 +123[45] +7 +WebAssembly SIMD +Node v22, linux-x64$/m,
    );
    expect(stdout).toMatch(/^ {2}gone +machine gone +silent /m);
    expect(stdout).toMatch(
      /^Refused {3}strange by run1 \(class\): the worker is of the class gpu-2, .* — start the worker with --adapter wasm$/m,
    );
    // What another machine wrote moves no cursor and makes no line.
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toMatch(/^Server fine/m);
    await nats.close();
  });

  it('says what a server lacks', async () => {
    await using plain = await NatsServer.start({ wholeConfig: ({ port }) => `listen: "127.0.0.1:${port}"` });
    const without = await reportOf(plain.url);
    expect(without.code).toBe(1);
    expect(without.report).toMatchObject({ usable: false, problems: [{ code: 'SERVER_UNFIT' }] });
    await using small = await NatsServer.start({ config: 'max_payload: 64KB' });
    const { code, stdout } = await doctor(small.url);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Problem {3}the server takes messages of 65536 bytes at most; .* — set max_payload: 1MB/m,
    );
  });

  it('says why there is no connection', async () => {
    const { code, report } = await reportOf('nats://127.0.0.1:1');
    expect(code).toBe(1);
    expect(report).toMatchObject({ usable: false, server: null, problems: [{ code: 'SERVER_UNREACHABLE' }] });
    expect((await doctor('nats://127.0.0.1:1')).stdout).toMatch(
      /^Problem {3}nats:\/\/127\.0\.0\.1:1 cannot be reached/,
    );
  });

  describe('with credentials', () => {
    let secure: SecureServer;
    beforeAll(async () => {
      secure = await SecureServer.start();
    });
    afterAll(() => secure?.[Symbol.asyncDispose]());
    const as = (name: string): string[] => [
      ...['--creds', join(secure.cluster, 'credentials', `${name}.creds`), '--ca', secure.ca],
    ];

    it('tells what they let one do', async () => {
      const { nats } = await secure.connect('trainer');
      answer(nats, 'mf.find', trainer({ workers: [{ card: worker('w'), refusal: null, silentSeconds: 0 }] }));
      await nats.flush();
      const roles = new Map<string, unknown>();
      for (const name of ['trainer', 'doctor', 'worker-1']) {
        const { code, report } = await reportOf(secure.url, ...as(name));
        expect(code, name).toBe(0);
        expect(report.server, name).toMatchObject({ isEncrypted: true, hasJetStream: true });
        expect(report.trainers, name).toHaveLength(1);
        expect(report.identity?.credentials, name).toMatchObject({ name, expires: null });
        roles.set(name, report.identity?.roles);
        expect(report.workers[0]?.answers).toBe(name === 'worker-1' ? null : false);
        expect(report.warnings.map(({ code }) => code).includes('MAY_NOT_ASK')).toBe(name === 'worker-1');
      }
      expect(Object.fromEntries(roles)).toEqual({
        ...{ trainer: ['trainer', 'doctor', 'worker'], doctor: ['doctor'], 'worker-1': ['worker'] },
      });
      const { stdout } = await doctor(secure.url, ...as('worker-1'));
      expect(stdout).toMatch(/^You {7}worker-1 \(U[A-Z2-7]{55}\), may sample, for ever$/m);
      await nats.close();
    });

    it('says when they end, and that they are refused', async () => {
      await secure.add('soon', new Date(Date.now() + 86_400_000));
      const { report } = await reportOf(secure.url, ...as('soon'));
      expect(report.warnings.map(({ code }) => code)).toContain('EXPIRES_SOON');
      await secure.add('late', new Date(Date.now() - 1000));
      const late = await doctor(secure.url, ...as('late'));
      expect(late.code).toBe(1);
      expect(late.stdout).toMatch(/^Problem {3}the credentials have expired \(.*\) — ask the owner/);
      const without = await doctor(secure.url, '--ca', secure.ca);
      expect(without.code).toBe(1);
      expect(without.stdout).toMatch(/^Problem {3}.* wants credentials — /);
      const untrusted = await doctor(secure.url, ...as('doctor').slice(0, 2));
      expect(untrusted.stdout).toMatch(/^Problem {3}.* shows a certificate that this machine does not trust/);
    });
  });
});

it.each([
  [
    'an address that is none',
    ['--workers', 'somewhere'],
    /^error: --workers cannot be "somewhere" — give nats:/,
  ],
  ['credentials for no server', ['--creds', 'a.creds'], /^error: --creds is of use with --workers alone — /],
  ['an authority for no server', ['--ca', 'ca.pem'], /^error: --ca is of use with --workers alone — /],
  [
    'an adapter',
    ['--workers', 'nats://h:1', '--adapter', 'wasm'],
    /^error: --adapter tells nothing about a server — /,
  ],
])('refuses %s', async (_, flags, message) => {
  const { code, stdout, stderr } = await mathformer('doctor', ...flags);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([2, '']);
});

it('says that a file of credentials is missing', async () => {
  const { code, stderr } = await mathformer(
    'doctor',
    '--workers',
    'nats://127.0.0.1:1',
    '--creds',
    'no.creds',
  );
  expect(stderr).toMatch(/^error: no\.creds: there is no such file or directory — /);
  expect(code).toBe(1);
});
