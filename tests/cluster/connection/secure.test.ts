/** Encryption, expiry, revocation and origins of web pages, on a real server with the generated configuration. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { jetstreamManager } from '@nats-io/jetstream';
import { credsAuthenticator } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credentialsFile } from '../../../src/cli/cluster/clusterDirectory.ts';
import { connectionError } from '../../../src/cluster/connection/connection.ts';
import { readCredentials } from '../../../src/cluster/connection/credentials.ts';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { launch } from '../../cli/cliProcess.ts';
import { hasNatsServer } from '../natsServer.ts';
import { SecureServer } from '../secureServer.ts';

const ORIGIN = 'https://lab.example.org';
const SECOND = 1000;

describe.skipIf(!hasNatsServer)('a server of `cluster init`', () => {
  let secure: SecureServer;
  beforeAll(async () => {
    secure = await SecureServer.start({ origins: [ORIGIN, 'http://localhost:5173'] });
  });
  afterAll(() => secure?.[Symbol.asyncDispose]());

  const refused = (options: Partial<Parameters<typeof connectNode>[0]>) =>
    expect(connectNode({ url: secure.url, ca: secure.ca, name: 'test', ...options })).rejects;

  it('takes nobody without credentials, nor with those of another cluster', async () => {
    await refused({}).toMatchObject({ code: 'NOT_AUTHORIZED', message: /wants credentials/ });
    await using other = await SecureServer.start();
    await refused({ credentials: other.credentials('trainer') }).toMatchObject({ code: 'NOT_AUTHORIZED' });
  });

  it('is trusted by its own authority alone, under the names it was made for', async () => {
    const credentials = secure.credentials('worker-1');
    await refused({ credentials, ca: undefined }).toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: /shows a certificate that this machine does not trust/,
    });
    const otherName = secure.url.replace('127.0.0.1', '127.0.0.2');
    await refused({ credentials, url: otherName }).toMatchObject({ code: 'SERVER_UNREACHABLE' });
    const localhost = secure.url.replace('127.0.0.1', 'localhost');
    const { nats } = await connectNode({ url: localhost, ca: secure.ca, credentials, name: 'test' });
    await nats.close();
  });

  it('has JetStream although many connect first, at once', async () => {
    // A server that reserves room for an account loses it in one start of three.
    for (let start = 0; start < 5; start++) {
      await using fresh = await SecureServer.start();
      const names = ['trainer', 'worker-1', 'worker-2', 'doctor', 'trainer', 'worker-1'];
      const all = await Promise.all(names.map((name) => fresh.connect(name)));
      const trainer = await fresh.connect('trainer');
      await expect(jetstreamManager(trainer.nats)).resolves.toBeDefined();
      await trainer.nats.close();
      await Promise.all(all.map(({ nats }) => nats.close()));
    }
  });

  it('speaks to nobody in the clear', async () => {
    const authenticator = credsAuthenticator(new TextEncoder().encode(secure.credentials('worker-1')));
    const servers = `127.0.0.1:${secure.server.port}`;
    // The client encrypts as the server asks it to, and then does not know its authority.
    await expect(connect({ servers, authenticator })).rejects.toThrow();
  });

  it('refuses expired credentials, whatever the clock of the worker says', async () => {
    await secure.add('late', new Date(Date.now() - SECOND));
    const content = secure.credentials('late');
    await refused({ credentials: content }).toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: /^the credentials have expired \(\d{4}-/,
    });
    const authenticator = credsAuthenticator(new TextEncoder().encode(content));
    const { url, ca } = secure;
    const error = await connect({ servers: url, authenticator, tls: { ca: readFileSync(ca, 'utf8') } }).catch(
      (problem: unknown) => problem,
    );
    expect(connectionError(error, url, readCredentials(content))).toMatchObject({ code: 'NOT_AUTHORIZED' });
  });

  it('closes a connection whose credentials expire, and says so', async () => {
    await secure.add('short', new Date(Date.now() + 2 * SECOND));
    const { nats } = await secure.connect('short');
    const error = await nats.closed();
    const problem = connectionError(error, secure.url, readCredentials(secure.credentials('short')));
    expect(problem).toMatchObject({ code: 'NOT_AUTHORIZED', message: /the credentials have expired/ });
  });

  it('closes the connections of a revoked worker for good when it reads its configuration again, and no others', async () => {
    await secure.add('bad', null);
    const [bad, good] = [await secure.connect('bad'), await secure.connect('worker-1')];
    const content = secure.credentials('bad');
    await secure.revoke('bad');
    expect(connectionError(await bad.nats.closed(), secure.url, bad)).toMatchObject({
      code: 'NOT_AUTHORIZED',
    });
    await refused({ credentials: content }).toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: /does not accept the credentials; check that they are of this server and not revoked/,
    });
    await good.nats.flush();
    expect(good.nats.isClosed()).toBe(false);
    expect(good.nats.stats().inMsgs).toBe(0);
    await good.nats.close();
    // The same name again: new keys.
    await secure.add('bad', null);
    await (await secure.connect('bad')).nats.close();
  });

  it.each([
    [ORIGIN, 101],
    ['http://localhost:5173', 101],
    ['https://lab.example.org.evil.example', 403],
    ['http://lab.example.org', 403],
    ['https://lab.example.org:8443', 403],
    ['null', 403],
  ])('answers a page of %s with %i', async (origin, status) => {
    expect(await statusOfHandshake(secure, origin)).toBe(status);
  });

  it('shows a renewed certificate after a reload, which the authority of before vouches for', async () => {
    const before = await certificateOf(secure);
    await secure.renew();
    await expect.poll(() => certificateOf(secure), { timeout: 10_000 }).not.toBe(before);
    const { nats } = await secure.connect('worker-1');
    await nats.close();
  });

  it('is reached by an encrypted WebSocket where its authority is trusted, and nowhere else', async () => {
    const doctor = (environment: readonly string[]) => {
      const { port, webSocketPort } = secure.server;
      const url = secure.url.replace('tls:', 'wss:').replace(String(port), String(webSocketPort));
      const credentials = join(secure.cluster, credentialsFile('doctor'));
      const words = ['doctor', '--workers', url, '--creds', credentials, '--json'];
      // Node 20 has browsers' WebSocket behind this flag.
      const node = [process.execPath, '--experimental-websocket', '--import', 'tsx', 'src/cli/main.ts'];
      return launch('env', [...environment, ...node, ...words]).ended;
    };
    const { code, stdout } = await doctor([`NODE_EXTRA_CA_CERTS=${secure.ca}`]);
    expect(JSON.parse(stdout)).toMatchObject({ usable: true, server: { isEncrypted: true } });
    expect(code).toBe(0);
    const stranger = await doctor([]);
    expect(stranger.code).toBe(1);
    expect(JSON.parse(stranger.stdout)).toMatchObject({
      usable: false,
      problems: [{ code: 'SERVER_UNREACHABLE', fix: expect.stringContaining('NODE_EXTRA_CA_CERTS') }],
    });
  });

  it('opens no port for pages unless some are allowed', async () => {
    await using closed = await SecureServer.start();
    await expect(statusOfHandshake(closed, ORIGIN)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

/** Return the serial number of the certificate that the server shows to pages. */
function certificateOf({ server, ca }: SecureServer): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.webSocketPort, ca: readFileSync(ca, 'utf8') };
    const socket = connectTls(options, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** Ask to open a WebSocket as a page of an origin does (RFC 6455, section 4.1). Resolves to the status. */
function statusOfHandshake({ server, ca }: SecureServer, origin: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port: server.webSocketPort,
      ca: readFileSync(ca, 'utf8'),
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
        Origin: origin,
      },
    });
    asked.on('upgrade', ({ statusCode }, socket) => {
      socket.destroy();
      resolve(statusCode);
    });
    asked.on('response', ({ statusCode }) => {
      asked.destroy();
      resolve(statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}
