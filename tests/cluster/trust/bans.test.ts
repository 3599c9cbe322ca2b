/** Bans hold for a key, or for an instance where all have one key, and outlive the trainer. */
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';
import { describe, expect, test } from 'vitest';
import { OPEN_KEY, RUNS_BUCKET, workerName } from '../../../src/cluster/protocol/subjects.ts';
import { Bans, bansEntry } from '../../../src/cluster/trust/bans.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';

const LIAR = { key: 'UBAD', instance: 'one' };
const HONEST = { key: 'UGOOD', instance: 'one' };

test('a key is banned with all its instances, and no other key', () => {
  const bans = new Bans('run');
  expect(bans.add(LIAR, 'token 3 is not drawn')).toBe(true);
  expect(bans.add({ ...LIAR, instance: 'two' }, 'again')).toBe(false);
  expect(bans.list).toMatchObject([{ key: 'UBAD', instance: null, problem: 'token 3 is not drawn' }]);
  expect(bans.refusal({ ...LIAR, instance: 'three' })).toMatchObject({
    reason: 'banned',
    problem: 'it sent a result that was not computed: token 3 is not drawn',
  });
  expect(bans.refusal(HONEST)).toBeNull();
  expect([LIAR, HONEST].map((worker) => bans.hasName(workerName(worker)))).toEqual([true, false]);
});

test('on an open server the instance is banned', () => {
  const bans = new Bans('run');
  bans.add({ key: OPEN_KEY, instance: 'liar' }, 'a lie');
  expect(bans.of({ key: OPEN_KEY, instance: 'liar' })).toMatchObject({ instance: 'liar' });
  expect(bans.of({ key: OPEN_KEY, instance: 'other' })).toBeUndefined();
  expect(['liar', 'other', 'liars'].map((name) => bans.hasName(name))).toEqual([true, false, false]);
});

test('however many instances lie, the latest thousand are kept', () => {
  const bans = new Bans('run');
  for (let i = 0; i < 1003; i++) bans.add({ key: OPEN_KEY, instance: `i${i}` }, 'a lie');
  expect(bans.list.length).toBe(1000);
  expect(bans.of({ key: OPEN_KEY, instance: 'i2' })).toBeUndefined();
  expect(bans.of({ key: OPEN_KEY, instance: 'i1002' })).toBeDefined();
});

describe.skipIf(!hasNatsServer)('on a server', () => {
  test('the next trainer of the run knows the bans, and has its own besides', async () => {
    await using server = await NatsServer.start();
    const nats = await connect({ servers: server.url });
    const kv = await new Kvm(jetstream(nats)).create(RUNS_BUCKET);
    const first = new Bans('run');
    await first.load(kv);
    await first.save(kv);
    expect(await kv.get(bansEntry('run'))).toBeNull();
    first.add(LIAR, 'a "lie"\n', new Date(0));
    await first.save(kv);
    const next = new Bans('run');
    next.add(HONEST, 'it was not');
    await next.load(kv);
    expect(next.list).toMatchObject([
      { key: 'UBAD', instance: null, problem: 'a "lie"\n', time: '1970-01-01T00:00:00.000Z' },
      { key: 'UGOOD' },
    ]);
    const other = new Bans('other');
    await other.load(kv);
    expect(other.list).toEqual([]);
    for (const junk of ['{', '[1]', '[{"key":5}]', '\xff']) {
      await kv.put(bansEntry('other'), junk);
      await other.load(kv);
      expect(other.list).toEqual([]);
    }
    await nats.close();
  });
});
