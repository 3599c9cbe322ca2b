/** Liars on a server with authentication: the server vouches for keys, so a liar speaks for nobody else, and its ban is for good. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ConnectOptions } from '../../../src/cluster/connection/connection.ts';
import { OPEN_KEY } from '../../../src/cluster/protocol/subjects.ts';
import { hasNatsServer } from '../natsServer.ts';
import { RawWorker } from '../rawWorker.ts';
import { SecureServer } from '../secureServer.ts';
import { HostileRun, inTime, trainedAlone, WorkerHere } from './hostileRun.ts';

let alone: string;
beforeAll(async () => {
  alone = await trainedAlone();
});

const JUNK = new TextEncoder().encode('junk');

describe.skipIf(!hasNatsServer)('with keys', () => {
  test("another key's results cannot be sent; a lie under the own key bans all its instances, for the next trainer too", async () => {
    await using server = await SecureServer.start();
    const as = (name: string): ConnectOptions => ({
      ...{ url: server.url, ca: server.ca, credentials: server.credentials(name), name },
    });
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = () => resolve();
    });
    const digests: string[] = [];
    {
      await using run = await HostileRun.open({ connect: as('trainer'), run: 'run', ready: () => gate });
      await using victim = await RawWorker.start(as('worker-2'), 'run', 'honest');
      await using liar = await RawWorker.start(as('worker-1'), 'run', 'liar');
      expect(new Set([OPEN_KEY, victim.id.key, liar.id.key]).size).toBe(3);
      await liar.hello(run.facts);
      const training = run.train();
      training.catch(() => undefined);
      const { item } = await inTime(liar.take(), 'an item');
      // As another key: the server does not let it through, and the trainer hears nothing.
      await expect(liar.send(item, JUNK, { worker: victim.id })).rejects.toThrow();
      expect(run.events.filter(({ type }) => type === 'rejected')).toEqual([]);
      // Under its own key, with the other's instance.
      await liar.send(item, JUNK, { worker: { ...liar.id, instance: victim.id.instance } });
      await run.until(({ type }) => type === 'banned', 'a ban');
      expect(await victim.hello(run.facts)).toMatchObject({ refusal: null });
      for (const instance of ['liar', 'again']) {
        await using another = await RawWorker.start(as('worker-1'), 'run', instance);
        expect(await another.hello(run.facts)).toMatchObject({ refusal: { reason: 'banned' } });
      }
      await using _honest = await WorkerHere.start(as('worker-2'), 'honest-2');
      open();
      const report = await training;
      digests.push(report.digest);
      const prefix = liar.id.key.slice(0, 8);
      expect(report.banned.every((name) => name.startsWith(`${prefix}.`))).toBe(true);
      expect(report.banned.length).toBeGreaterThan(0);
      await victim.connected.nats.flush();
    }
    await using next = await HostileRun.open({ connect: as('trainer'), run: 'run', ready: () => gate });
    await using again = await RawWorker.start(as('worker-1'), 'run', 'later');
    expect(await again.hello(next.facts)).toMatchObject({ refusal: { reason: 'banned' } });
    digests.push((await next.train()).digest);
    expect(digests).toEqual([alone, alone]);
  });
});
