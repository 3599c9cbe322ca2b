/** A connection to the server. The transport is given: TCP in Node, a WebSocket in browsers. */
import { type ConnectionOptions, errors, type NatsConnection } from '@nats-io/nats-core';
import { problemOf } from '../../base/errors.ts';
import { ClusterError } from '../protocol/error.ts';
import { OPEN_KEY } from '../protocol/subjects.ts';
import { readCredentials } from './credentials.ts';
import { inboxPrefix } from './permissions.ts';

/** Credentials and certificates of a connection. */
export interface ConnectOptions {
  /** Address, such as `nats://host:4222`, `tls://host:4222`, `ws://host:8080` or `wss://host`. */
  readonly url: string;
  /** Content of a credentials file: a JWT and the seed of its key. Without it, the server must take anybody. */
  readonly credentials?: string | undefined;
  /** Path of the file with the certificate authority of the server, for one that the system does not trust; Node only. */
  readonly ca?: string | undefined;
  /** Name of the connection in the server's list. */
  readonly name: string;
}

/** An open connection, and the key that it was authenticated with. */
export interface Connected {
  readonly nats: NatsConnection;
  /** The public key of the credentials, or `OPEN_KEY`. It is the token of the worker's subjects. */
  readonly key: string;
  /** The time after which the server closes it; undefined if its credentials do not expire. */
  readonly expires?: Date | undefined;
}

/**
 * Opens a connection that reconnects for ever by itself. Its inbox is `_INBOX_<key>`. It closes for good only if the server
 * refuses its credentials twice in a row: then `nats.closed()` resolves to the error.
 *
 * Transports are set per process: TCP and WebSockets in one process reconnect by the transport that was used last.
 * @throws ClusterError (`SERVER_UNREACHABLE`, `NOT_AUTHORIZED`) within ten seconds.
 */
export type Connect = (options: ConnectOptions) => Promise<Connected>;

/** A way to connect. */
export interface Transport {
  /** Protocols of its addresses, such as `wss`. */
  readonly protocols: readonly string[];
  dial(options: ConnectionOptions): Promise<NatsConnection>;
}

/** Milliseconds for an address, for all addresses of a host, between attempts to reconnect, and between signs of life. */
const DIAL_MS = 4500;
const CONNECT_MS = 9500;
const RECONNECT_MS = 1000;
const PING_MS = 5000;

/** Connect by a transport. @throws ClusterError as `Connect` does. */
export async function connectBy(transport: Transport, options: ConnectOptions): Promise<Connected> {
  const { url, name, credentials: content } = options;
  checkAddress(url, transport.protocols);
  const credentials = content === undefined ? undefined : readCredentials(content);
  if (hasExpired(credentials?.expires)) throw expired(credentials?.expires);
  const key = credentials?.key ?? OPEN_KEY;
  const dialled = transport.dial({
    servers: url,
    name,
    inboxPrefix: inboxPrefix(key),
    timeout: DIAL_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    pingInterval: PING_MS,
    // The addresses that a server tells are often those behind a proxy.
    ignoreClusterUpdates: true,
    ...(credentials ? { authenticator: credentials.authenticator } : {}),
  });
  try {
    return { nats: await withinTime(dialled), key, expires: credentials?.expires };
  } catch (error) {
    throw connectionError(error, url, { key, expires: credentials?.expires });
  }
}

/** Wait for a connection. One that comes too late is closed. */
async function withinTime(dialled: Promise<NatsConnection>): Promise<NatsConnection> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      dialled.then((nats) => nats.close()).catch(() => undefined);
      reject(new errors.TimeoutError());
    }, CONNECT_MS);
  });
  try {
    return await Promise.race([dialled, late]);
  } finally {
    clearTimeout(timer);
  }
}

const ADDRESS = /^([a-z]+):\/\/(\[[0-9a-f:.]+\]|[^\s/:@[\]]+)(?::(\d{1,5}))?(\/\S*)?$/i;

/** Check an address of a server. @throws ClusterError (`SERVER_UNREACHABLE`) */
export function checkAddress(url: string, protocols: readonly string[]): void {
  const [, protocol, , port] = ADDRESS.exec(url) ?? [];
  const isKnown = protocol !== undefined && protocols.includes(protocol.toLowerCase());
  if (isKnown && Number(port ?? 1) >= 1 && Number(port ?? 1) <= 65_535) return;
  const fix = `give ${protocols.map((each) => `${each}://HOST:PORT`).join(' or ')}`;
  const problem = /^[a-z]+:\/\/[^/]*@/i.test(url)
    ? 'an address with a user or a password in it is not taken: credentials are a file'
    : `'${url.slice(0, 200)}' is not an address of a server`;
  throw new ClusterError('SERVER_UNREACHABLE', 'url', problem, fix);
}

const hasExpired = (expires: Date | undefined): boolean =>
  expires !== undefined && expires.getTime() <= Date.now();

const expired = (expires: Date | undefined, cause?: unknown): ClusterError =>
  new ClusterError(
    'NOT_AUTHORIZED',
    'credentials',
    `the credentials have expired${expires ? ` (${expires.toISOString()})` : ''}`,
    'ask the owner of the server for new ones',
    { cause },
  );

/** Return the error for a connection that failed, or that was closed by the server. */
export function connectionError(
  error: unknown,
  url: string,
  { key, expires }: { readonly key: string; readonly expires?: Date | undefined },
): ClusterError {
  if (error instanceof ClusterError) return error;
  // A server says that credentials expire only at that moment. Afterwards it refuses them, or the client gives up.
  if (error instanceof errors.UserAuthenticationExpiredError || hasExpired(expires))
    return expired(expires, error);
  if (error instanceof errors.AuthorizationError) {
    const [problem, fix] =
      key !== OPEN_KEY
        ? ['does not accept the credentials', 'check that they are of this server and not revoked']
        : ['wants credentials', 'give the file of credentials that its owner made for you'];
    return new ClusterError('NOT_AUTHORIZED', url, `${url} ${problem}`, fix, { cause: error });
  }
  const [problem, fix] = unreachable(error, url);
  return new ClusterError('SERVER_UNREACHABLE', url, `${url} ${problem}`, fix, { cause: error });
}

/** Error codes of certificates, by Node. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ALTNAME/;

function unreachable(error: unknown, url: string): readonly [problem: string, fix: string] {
  const code = codeOf(error);
  if (error instanceof errors.TimeoutError) return ['does not answer', 'check the address and the firewall'];
  if (/ENOTFOUND|EAI_AGAIN/.test(code)) return ['is not known: there is no such host', 'check the address'];
  if (CERTIFICATE.test(code))
    return [
      `shows a certificate that this machine does not trust (${code})`,
      'give the certificate authority of the server, and the name that the certificate is for',
    ];
  const reason = problemOf(error);
  // A WebSocket does not say what was wrong with a certificate.
  const trust = /^wss:/i.test(url)
    ? ', and that its certificate is trusted (a browser asks its own list; for Node name the authority in NODE_EXTRA_CA_CERTS)'
    : '';
  return [
    `cannot be reached${reason ? `: ${reason}` : ''}`,
    `check that the server runs, and the address with its protocol and port${trust}`,
  ];
}

/** Return the code that Node gave an error or its cause. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return codeOf(error.cause);
}
