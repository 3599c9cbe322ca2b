/** Connects in Node: by TCP, with TLS where the server has it, or by a WebSocket. */
import { readFile } from 'node:fs/promises';
import { connect } from '@nats-io/transport-node';
import { connectBrowser } from './browser.ts';
import { type Connect, connectBy } from './connection.ts';

/**
 * Connect to `nats://`, `tls://`, `ws://` or `wss://`. With `tls://` the connection is encrypted or fails; with `nats://` it is
 * encrypted if the server can.
 * @throws ClusterError (`SERVER_UNREACHABLE`, `NOT_AUTHORIZED`) within ten seconds; Node's error if `ca` cannot be read.
 */
export const connectNode: Connect = async (options) => {
  const { url, ca } = options;
  if (/^wss?:/i.test(url)) return connectBrowser(options);
  const mustEncrypt = ca !== undefined || /^tls:/i.test(url);
  const tls = ca === undefined ? {} : { ca: await readFile(ca, 'utf8') };
  const protocols = ['nats', 'tls', 'wss', 'ws'];
  return connectBy(
    { protocols, dial: (dialling) => connect({ ...dialling, ...(mustEncrypt ? { tls } : {}) }) },
    options,
  );
};
