/** A run's queue, on a real server. */
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { ItemQueue } from '../../src/cluster/itemQueue.ts';
import { streamsOf } from '../../src/cluster/subjects.ts';
import { hasNatsServer, NatsServer } from './natsServer.ts';

test.skipIf(!hasNatsServer)('no item comes of a queue that is not there, or has just gone', async () => {
  await using server = await NatsServer.start();
  const nats = await connect({ servers: server.url });
  const js = jetstream(nats);
  const jsm = await js.jetstreamManager();
  const { signal } = new AbortController();
  const ended = AbortSignal.abort();
  const { work } = streamsOf('run');

  const queue = new ItemQueue(js, 'run');
  expect(await queue.next(ended)).toBeUndefined();
  await jsm.streams.add({ name: work, subjects: ['mf.run.w.>'] });
  expect(await queue.next(ended)).toBeUndefined();
  await jsm.consumers.add(work, { durable_name: 'workers', ack_policy: 'explicit' });
  await js.publish('mf.run.w.1.0', 'item');
  const delivery = await queue.next(signal);
  delivery?.done();
  expect(delivery?.deliveries).toBe(1);
  const waiting = queue.next(signal);
  await jsm.streams.delete(work);
  expect(await waiting).toBeUndefined();
  expect(await queue.next(ended)).toBeUndefined();
  await nats.close();
});
