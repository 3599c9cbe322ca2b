/** A connection to the server. The transport is given: TCP in Node, a WebSocket in browsers. */
import type { NatsConnection } from '@nats-io/nats-core';

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
}

/**
 * Opens a connection that reconnects for ever by itself. Its inbox is `_INBOX_<key>`.
 * @throws ClusterError (`SERVER_UNREACHABLE`, `NOT_AUTHORIZED`) within ten seconds.
 */
export type Connect = (options: ConnectOptions) => Promise<Connected>;
