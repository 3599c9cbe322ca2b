/** Servers that a trainer cannot use: each is refused within seconds, with the reason and what to do. */
import { describe, expect, test } from 'vitest';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { PROTOCOL, type Spec } from '../../../src/cluster/protocol/spec.ts';
import { Coordinator } from '../../../src/cluster/trainer/coordinator.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';

const spec: Spec = {
  ...{
    protocol: PROTOCOL,
    version: '0.1.0',
    mode: 'same-class',
    class: 'wasm-test',
    adapter: 'test',
    eos: 1,
  },
  ...{ model: { vocabSize: 4 }, matmulPrecision: 'highest', kernels: {} },
};

const configured = (lines: string) =>
  NatsServer.start({
    wholeConfig: ({ port, directory }) =>
      `listen: "127.0.0.1:${port}"\n${lines.replaceAll('$STORE', `${directory}/streams`)}`,
  });

async function open(server: NatsServer, run = 'run'): Promise<Coordinator> {
  const connected = await connectNode({ url: server.url, name: 'trainer' });
  return Coordinator.open({ connected, run, name: 'run', spec });
}

describe.skipIf(!hasNatsServer)('a server', () => {
  test.each([
    ['without JetStream', '', { code: 'SERVER_UNFIT', message: expect.stringContaining('has no JetStream') }],
    [
      'whose account has no JetStream',
      'jetstream { store_dir: "$STORE" }\naccounts { A { users: [{user: a, password: a}] } }\nno_auth_user: a',
      { code: 'SERVER_UNFIT', message: expect.stringContaining('has no JetStream') },
    ],
    [
      'with too little room',
      'jetstream { store_dir: "$STORE", max_file_store: 1MB }',
      { code: 'SERVER_UNFIT', message: expect.stringContaining('too little room') },
    ],
    [
      'that does not let it publish',
      'jetstream { store_dir: "$STORE" }\nauthorization { default_permissions { publish: "mf.>", subscribe: ">" }\n' +
        'users: [{user: a, password: a}] }\nno_auth_user: a',
      { code: 'NOT_AUTHORIZED', message: expect.stringContaining('publish to $JS.API') },
    ],
    [
      'that does not let it hear workers',
      'jetstream { store_dir: "$STORE" }\nauthorization { default_permissions { publish: ">", subscribe: "_INBOX_open.>" }\n' +
        'users: [{user: a, password: a}] }\nno_auth_user: a',
      { code: 'NOT_AUTHORIZED', message: expect.stringContaining('subscribe to') },
    ],
  ])('%s', { timeout: 60_000 }, async (_name, lines, error) => {
    await using server = await configured(lines);
    const started = performance.now();
    await expect(open(server)).rejects.toMatchObject(error);
    expect(performance.now() - started).toBeLessThan(11_000);
  });

  test('does not take every name of a run', async () => {
    await using server = await NatsServer.start();
    await expect(open(server, 'a.b')).rejects.toMatchObject({ code: 'SERVER_UNFIT', where: 'run' });
  });
});
