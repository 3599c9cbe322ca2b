/** The proxy loses, delays and cuts as it says; otherwise the tests behind it test nothing. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TcpProxy } from './tcpProxy.ts';

const server = createServer((socket) => {
  accepted.push(socket);
  socket.on('error', () => {}).pipe(socket);
});
let accepted: Socket[];
let proxy: TcpProxy;
let client: Socket;
let echoed: string;

beforeEach(async () => {
  accepted = [];
  echoed = '';
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await TcpProxy.start({ port: (server.address() as AddressInfo).port });
  client = createConnection(proxy.port, '127.0.0.1').on('error', () => {});
  client.setEncoding('utf8').on('data', (text) => {
    echoed += text;
  });
  await once(client, 'connect');
  await says('a');
});
afterEach(async () => {
  client.destroy();
  await proxy[Symbol.asyncDispose]();
  await new Promise((resolve) => server.close(resolve));
});

/** Send a text, and wait for its echo. */
async function says(text: string): Promise<void> {
  client.write(text);
  while (!echoed.endsWith(text)) await once(client, 'data');
}

/** Send through a second connection that is watched, so that all before it has passed. */
const passes = (text: string): Promise<void> =>
  new Promise((resolve) => {
    const stop = proxy.watch((piece) => {
      if (!piece.toString().includes(text)) return false;
      stop();
      setImmediate(resolve);
      return false;
    });
    client.write(text);
  });

test('bytes pass in order, late ones too, and are counted', async () => {
  proxy.delay = 5;
  for (const text of 'bcdef') client.write(text);
  await says('g');
  expect(echoed).toBe('abcdefg');
  expect(proxy.passed).toEqual({ toServer: 7, toClient: 7 });
});

test('held bytes pass later', async () => {
  proxy.weather = 'hold';
  await passes('b');
  expect(echoed).toBe('a');
  proxy.weather = 'pass';
  await says('c');
  expect(echoed).toBe('abc');
});

test('swallowed bytes never come, and their connection is cut when the weather clears', async () => {
  proxy.weather = 'swallow';
  await passes('b');
  expect(echoed).toBe('a');
  expect(client.closed).toBe(false);
  proxy.weather = 'pass';
  await once(client, 'close');
  expect(echoed).toBe('a');
});

test('a connection that is cut ends for both', async () => {
  const [socket] = accepted;
  proxy.cut();
  await Promise.all([once(client, 'close'), socket && once(socket, 'close')]);
  expect(proxy.links).toEqual([]);
});

test.each(['client', 'server'] as const)('a connection that is gone for the %s alone', async (gone) => {
  const [socket] = accepted;
  const [link] = proxy.links;
  if (!link || !socket) throw new Error('there is no connection');
  proxy.halve(link, gone);
  const [ended, other] = gone === 'client' ? [client, socket] : [socket, client];
  await once(ended, 'close');
  other.write('lost');
  expect(other.closed).toBe(false);
  other.destroy();
});

test('a watch sees every piece, and can lose it', async () => {
  const seen: string[] = [];
  proxy.watch((piece, direction) => {
    seen.push(`${direction} ${piece}`);
    return String(piece) === 'c';
  });
  await says('b');
  await passes('c');
  expect(seen).toEqual(['toServer b', 'toClient b', 'toServer c']);
  expect(echoed).toBe('ab');
});
