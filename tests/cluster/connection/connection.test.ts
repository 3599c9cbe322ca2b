/** Connections: their keys and inboxes, and the errors of all that can be wrong with an address or credentials. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  fmtCreds,
} from '@nats-io/jwt';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';
import { connectBrowser } from '../../../src/cluster/connection/browser.ts';
import { type Connected, connectionError } from '../../../src/cluster/connection/connection.ts';
import { readCredentials } from '../../../src/cluster/connection/credentials.ts';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { hasNatsServer, NatsServer } from '../natsServer.ts';

// biome-ignore format: one line
const NO_LIMITS = { conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, subs: -1, wildcards: true };

/** A server that knows one account, the credentials of users of it, and of a user that it does not know. */
async function authorities() {
  const operator = createOperator();
  const account = createAccount();
  const operatorJwt = await encodeOperator('O', operator);
  const accountJwt = await encodeAccount('A', account, { limits: NO_LIMITS }, { signer: operator });
  const credentialsOf = async (options: { exp?: number } = {}, signer = account) => {
    const user = createUser();
    const jwt = await encodeUser('U', user, signer, {}, options);
    return { key: user.getPublicKey(), credentials: new TextDecoder().decode(fmtCreds(jwt, user)) };
  };
  const config = `
    operator: "${operatorJwt}"
    resolver: MEMORY
    resolver_preload: { ${account.getPublicKey()}: "${accountJwt}" }`;
  return { config, credentialsOf, stranger: () => credentialsOf({}, createAccount()) };
}

const wholeConfig =
  (config: string) =>
  ({ port, webSocketPort }: { port: number; webSocketPort: number }) =>
    `
    listen: "127.0.0.1:${port}"
    websocket { listen: "127.0.0.1:${webSocketPort}", no_tls: true }
    ${config}`;

const WAYS = [
  ['TCP', connectNode, 'url'],
  ['a WebSocket', connectBrowser, 'webSocketUrl'],
  ['a WebSocket of Node', connectNode, 'webSocketUrl'],
] as const;

/** Connect with credentials that end soon, but not before a busy machine has connected. */
async function briefly(connect: (seconds: number) => Promise<Connected>): Promise<Connected> {
  for (const seconds of [2, 8]) {
    const connected = await connect(seconds).catch(() => undefined);
    if (connected) return connected;
  }
  return connect(30);
}

describe.skipIf(!hasNatsServer)('on a server', () => {
  it.each(WAYS)('connects by %s without credentials', async (_, connect, url) => {
    await using server = await NatsServer.start();
    const { nats, key } = await connect({ url: server[url], name: 'test' });
    expect(key).toBe('open');
    nats.subscribe('echo', { callback: (_error, message) => void message.respond(message.reply) });
    expect((await nats.request('echo')).string()).toMatch(/^_INBOX_open\./);
    await nats.close();
  });

  it.each(WAYS)('connects by %s with the key of the credentials', async (_, connect, url) => {
    const { config, credentialsOf } = await authorities();
    await using server = await NatsServer.start({ wholeConfig: wholeConfig(config) });
    const { key, credentials } = await credentialsOf({ exp: Math.floor(Date.now() / 1000) + 60 });
    const connected = await connect({ url: server[url], name: 'test', credentials });
    expect(connected.key).toBe(key);
    connected.nats.subscribe('echo', { callback: (_error, message) => void message.respond(message.reply) });
    expect((await connected.nats.request('echo')).string()).toMatch(new RegExp(`^_INBOX_${key}\\.`));
    await connected.nats.close();
  });

  it.each(WAYS)('says by %s that credentials are missing, foreign or expired', async (_, connect, url) => {
    const { config, credentialsOf, stranger } = await authorities();
    await using server = await NatsServer.start({ wholeConfig: wholeConfig(config) });
    const place = { url: server[url], name: 'test' };
    await expect(connect(place)).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: expect.stringContaining('wants credentials'),
    });
    const { credentials: foreign } = await stranger();
    await expect(connect({ ...place, credentials: foreign })).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: expect.stringContaining('does not accept the credentials'),
    });
    const { credentials: expired } = await credentialsOf({ exp: 1_700_000_000 });
    await expect(connect({ ...place, credentials: expired })).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: expect.stringContaining('expired (2023-11-14T22:13:20.000Z)'),
    });
  });

  it.each(WAYS)(
    'closes by %s with an error when the credentials expire',
    async (_, connect, url) => {
      const { config, credentialsOf } = await authorities();
      await using server = await NatsServer.start({ wholeConfig: wholeConfig(config) });
      const connected = await briefly(async (seconds) => {
        const { credentials } = await credentialsOf({ exp: Math.floor(Date.now() / 1000) + seconds });
        return connect({ url: server[url], name: 'test', credentials });
      });
      // The client may have closed it for good without the server's reason.
      expect(connectionError(await connected.nats.closed(), server[url], connected)).toMatchObject({
        code: 'NOT_AUTHORIZED',
        message: expect.stringMatching(/^the credentials have expired/),
      });
    },
    60_000,
  );

  it.each(WAYS)(
    'reconnects by %s to a server that was away',
    async (_, connect, url) => {
      await using server = await NatsServer.start();
      const { nats } = await connect({ url: server[url], name: 'test' });
      const statuses = nats.status()[Symbol.asyncIterator]();
      await server.kill();
      await server.start();
      for (let status = await statuses.next(); status.value?.type !== 'reconnect'; )
        status = await statuses.next();
      expect(nats.isClosed()).toBe(false);
      await nats.close();
    },
    60_000,
  );

  it('encrypts, and trusts the certificate authority that is given, for the name of the certificate', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mathformer-tls-'));
    const certificate = async (
      name: string,
      altName: { type: 2; value: string } | { type: 7; ip: string },
    ) => {
      const extensions = [{ name: 'subjectAltName' as const, altNames: [altName] }];
      const pem = await generate([{ name: 'commonName', value: name }], { extensions });
      const [cert, key] = [join(directory, `${name}.cert`), join(directory, `${name}.key`)];
      writeFileSync(cert, pem.cert);
      writeFileSync(key, pem.private);
      return { ca: cert, config: `tls { cert_file: "${cert}", key_file: "${key}" }` };
    };
    const places = [
      { host: 'localhost', other: '127.0.0.1', ...(await certificate('a', { type: 2, value: 'localhost' })) },
      { host: '127.0.0.1', other: 'localhost', ...(await certificate('b', { type: 7, ip: '127.0.0.1' })) },
    ];
    for (const { host, other, ca, config } of places) {
      await using server = await NatsServer.start({ wholeConfig: wholeConfig(config) });
      for (const protocol of ['tls', 'nats']) {
        const at = (name: string) => ({ url: `${protocol}://${name}:${server.port}`, name: 'test' });
        const { nats } = await connectNode({ ...at(host), ca });
        await nats.close();
        const refused = (reason: string) => ({
          code: 'SERVER_UNREACHABLE',
          message: expect.stringContaining(`does not trust (${reason})`),
        });
        await expect(connectNode(at(host))).rejects.toMatchObject(refused('DEPTH_ZERO_SELF_SIGNED_CERT'));
        await expect(connectNode({ ...at(other), ca })).rejects.toMatchObject(
          refused('ERR_TLS_CERT_ALTNAME_INVALID'),
        );
      }
    }
    rmSync(directory, { recursive: true });
  });

  it('does not send anything unencrypted to an address with tls', async () => {
    await using server = await NatsServer.start();
    await expect(connectNode({ url: `tls://127.0.0.1:${server.port}`, name: 'test' })).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringContaining("does not support 'tls'"),
    });
  });
});

/** Listen with a server that says nothing, or what is given. */
async function silent(says = ''): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(says);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const portOf = (server: Server): number => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

const PLAIN = [
  ['nats', connectNode],
  ['ws', connectBrowser],
] as const;

it.each(PLAIN)('says that nobody listens at %s', async (protocol, connect) => {
  const server = await silent();
  const url = `${protocol}://127.0.0.1:${portOf(server)}`;
  await new Promise((resolve) => server.close(resolve));
  await expect(connect({ url, name: 'test' })).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringContaining(`${url} cannot be reached`),
  });
});

it.each(PLAIN)(
  'gives up where %s says nothing',
  async (protocol, connect) => {
    const server = await silent();
    const url = `${protocol}://127.0.0.1:${portOf(server)}`;
    await expect(connect({ url, name: 'test' })).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringContaining(`${url} does not answer`),
    });
    server.close();
  },
  60_000,
);

it('says that another program listens', async () => {
  const server = await silent('SSH-2.0-OpenSSH_9.2\r\n');
  const url = `nats://127.0.0.1:${portOf(server)}`;
  await expect(connectNode({ url, name: 'test' })).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  server.close();
}, 60_000);

it.each([
  '',
  'host',
  'host:4222',
  'http://host:4222',
  'nats://',
  'nats://host:0',
  'nats://host:65536',
  'nats://a b',
  'nats://host:4222:5',
])('takes no address like %j', async (url) => {
  await expect(connectNode({ url, name: 'test' })).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    where: 'url',
    fix: expect.stringContaining('nats://HOST:PORT'),
  });
});

it('takes no addresses of TCP in a browser', async () => {
  await expect(connectBrowser({ url: 'nats://host:4222', name: 'test' })).rejects.toMatchObject({
    fix: 'give wss://HOST:PORT or ws://HOST:PORT',
  });
});

it('says that a WebSocket takes no certificate authority, instead of leaving it out', async () => {
  const connecting = connectNode({ url: 'wss://127.0.0.1:1', ca: 'ca.pem', name: 'test' });
  await expect(connecting).rejects.toMatchObject({
    where: 'ca',
    fix: expect.stringMatching(/tls:.*NODE_EXTRA_CA_CERTS/),
  });
});

it('takes no password in an address, and does not show it', async () => {
  const failing = connectNode({ url: 'nats://me:secret@host:4222', name: 'test' });
  await expect(failing).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.not.stringContaining('secret'),
  });
});

it('reads credentials with the line ends of Windows', async () => {
  const { key, credentials } = await (await authorities()).credentialsOf();
  expect(readCredentials(credentials.replaceAll('\n', '\r\n'))).toMatchObject({ key, expires: undefined });
});

it('takes no broken credentials, and shows nothing of them', async () => {
  const { credentialsOf } = await authorities();
  const [one, other] = [await credentialsOf(), await credentialsOf()];
  const [jwt] = one.credentials.split('USER NKEY');
  const [, seed] = other.credentials.split('USER NKEY');
  for (const content of ['', 'words', one.credentials.slice(0, 200), `${jwt}USER NKEY${seed}`, jwt ?? '']) {
    const reading = () => readCredentials(content);
    expect(reading).toThrow(expect.objectContaining({ code: 'NOT_AUTHORIZED', where: 'credentials' }));
  }
});
