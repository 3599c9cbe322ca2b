/** Connects in Node: by TCP, with TLS where the server has it, or by a WebSocket. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { connect, type TlsOptions } from '@nats-io/transport-node';
import { ClusterError } from '../protocol/error.ts';
import { connectBrowser } from './browser.ts';
import { type Connect, connectBy } from './connection.ts';

/** Protocols of addresses that `connectNode` takes. */
export const NODE_PROTOCOLS = ['nats', 'tls', 'wss', 'ws'] as const;

/**
 * Connect to `nats://`, `tls://`, `ws://` or `wss://`. With `tls://` or a certificate authority the connection is encrypted or
 * fails; with `nats://` it is encrypted if the server can.
 * @throws ClusterError (`SERVER_UNREACHABLE`, `NOT_AUTHORIZED`) within ten seconds; Node's error if `ca` cannot be read.
 */
export const connectNode: Connect = async (options) => {
  const { url, ca } = options;
  if (/^wss?:/i.test(url)) {
    if (ca !== undefined) throw takesNoAuthority(url);
    return connectBrowser(options);
  }
  const mustEncrypt = ca !== undefined || /^tls:/i.test(url);
  const tls = mustEncrypt ? { tls: await certificateOptions(url, ca) } : {};
  return connectBy(
    { protocols: NODE_PROTOCOLS, dial: (dialling) => connect({ ...dialling, ...tls }) },
    options,
  );
};

/** A WebSocket of Node takes no certificate authority. */
function takesNoAuthority(url: string): ClusterError {
  const problem = `${url} is an address of a WebSocket, which takes no file with a certificate authority`;
  const fix =
    'give a tls:// address, or name the file in the environment variable NODE_EXTRA_CA_CERTS instead';
  return new ClusterError('SERVER_UNREACHABLE', 'ca', problem, fix);
}

async function certificateOptions(url: string, ca: string | undefined): Promise<TlsOptions> {
  const host = /^\w+:\/\/\[?([0-9a-f.:]+?)\]?(?::\d+)?(?:\/.*)?$/i.exec(url)?.[1] ?? '';
  return {
    ...(ca === undefined ? {} : { ca: await readFile(ca, 'utf8') }),
    // The transport tells TLS no name of a server with a bare address, and TLS would expect a certificate for localhost.
    ...(isIP(host) === 0 ? {} : { host }),
  };
}
