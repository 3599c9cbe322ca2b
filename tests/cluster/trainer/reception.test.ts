/** A trainer answers in inboxes alone: an answer elsewhere would speak with its permissions. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeMessage } from '../../../src/cluster/protocol/messages.ts';
import { PROTOCOL, type Spec, specBytes, specDigest } from '../../../src/cluster/protocol/spec.ts';
import { FIND_SUBJECT, RunSubjects } from '../../../src/cluster/protocol/subjects.ts';
import { Reception } from '../../../src/cluster/trainer/reception.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';

const KEY = 'UWORKER';
const SPEC: Spec = {
  ...{ protocol: PROTOCOL, version: '1.0.0', mode: 'same-class', class: 'wasm-1', adapter: 'wasm' },
  ...{ model: {}, eos: 1, matmulPrecision: 'highest', kernels: {} },
};
const CARD = {
  ...{ protocol: PROTOCOL, key: KEY, instance: 'a', name: 'one', version: '1.0.0', class: 'wasm-1' },
  ...{ adapter: 'wasm', platform: 'Node', tokensPerSecond: 0, items: 0, run: null },
};

describe.skipIf(!hasNatsServer)('a reception', () => {
  const subjects = new RunSubjects('run');
  let server: NatsServer;
  let trainer: NatsConnection;
  let asking: NatsConnection;
  let reception: Reception;

  beforeAll(async () => {
    server = await NatsServer.start();
    [trainer, asking] = await Promise.all([
      connect({ servers: server.url }),
      connect({ servers: server.url }),
    ]);
    const bytes = specBytes(SPEC);
    reception = new Reception(trainer, {
      ...{
        run: 'run',
        name: 'a run',
        spec: SPEC,
        specBytes: bytes,
        specDigest: await specDigest(bytes),
        epoch: 1,
      },
      ...{ state: () => 'running', ban: () => null, heard: () => undefined, workers: () => [] },
    });
    await trainer.flush();
  });

  afterAll(async () => {
    reception.close();
    await Promise.all([trainer.close(), asking.close()]);
    await server[Symbol.asyncDispose]();
  });

  /** Ask, and return the subjects at which answers came before that of a later question. */
  async function answeredAt(subject: string, replies: readonly string[]): Promise<string[]> {
    const heard: string[] = [];
    const subscription = asking.subscribe('>', {
      callback: (_, message) => {
        if (replies.includes(message.subject)) heard.push(message.subject);
      },
    });
    for (const reply of replies) asking.publish(subject, encodeMessage(CARD), { reply });
    await asking.request(FIND_SUBJECT);
    subscription.unsubscribe();
    return heard;
  }

  it.each([FIND_SUBJECT, subjects.spec])('answers %s in an inbox, and nowhere else', async (subject) => {
    const victim = subjects.result({ key: 'UVICTIM', instance: 'b' }, 1, '0-0');
    const elsewhere = [victim, '$KV.mf_runs.run.banned', '$JS.API.STREAM.PURGE.mf_run_work'];
    expect(await answeredAt(subject, [...elsewhere, '_INBOX_UANY.1'])).toEqual(['_INBOX_UANY.1']);
  });

  it('answers a hello in the inbox of the key that says it', async () => {
    const hello = subjects.hello(CARD);
    const own = `_INBOX_${KEY}.1`;
    expect(await answeredAt(hello, ['_INBOX_UVICTIM.1', `_INBOX_${KEY}X.1`, own])).toEqual([own]);
  });
});
