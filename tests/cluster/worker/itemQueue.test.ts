/** A run's queue, on a real server. */
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { streamsOf } from '../../../src/cluster/protocol/subjects.ts';
import { Delivery, ItemQueue } from '../../../src/cluster/worker/itemQueue.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';

test.skipIf(!hasNatsServer)('a queue that is not there, or has just gone, is missing at once', async () => {
  await using server = await NatsServer.start();
  const nats = await connect({ servers: server.url });
  const js = jetstream(nats);
  const jsm = await js.jetstreamManager();
  const { signal } = new AbortController();
  const { work } = streamsOf('run');

  const queue = new ItemQueue(js, 'run');
  expect(await queue.next(signal)).toBe('missing');
  await jsm.streams.add({ name: work, subjects: ['mf.run.w.>'] });
  expect(await queue.next(signal)).toBe('missing');
  await jsm.consumers.add(work, { durable_name: 'workers', ack_policy: 'explicit' });
  await js.publish('mf.run.w.1.0', 'item');
  const delivery = await queue.next(signal);
  if (!(delivery instanceof Delivery)) throw new Error('there is no item');
  expect(delivery.deliveries).toBe(1);
  delivery.done();
  const waiting = queue.next(signal);
  await jsm.streams.delete(work);
  expect(await waiting).toBe('missing');
  expect(await queue.next(signal)).toBe('missing');
  await nats.close();
});
