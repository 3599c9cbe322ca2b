/** Connects by a WebSocket: in browsers, and in Node from version 22 on. */
import { wsconnect } from '@nats-io/nats-core';
import { ClusterError } from '../protocol/error.ts';
import { type Connect, connectBy } from './connection.ts';

/** The part of the platform that is used. */
const platform: { readonly WebSocket?: unknown } = globalThis;

/** Connect to `ws://` or `wss://`. @throws ClusterError (`SERVER_UNREACHABLE`, `NOT_AUTHORIZED`) within ten seconds. */
export const connectBrowser: Connect = async (options) => {
  if (platform.WebSocket === undefined) {
    const fix = 'use Node 22 or later, or an address with nats:// or tls://';
    throw new ClusterError('SERVER_UNREACHABLE', options.url, 'this platform has no WebSocket', fix);
  }
  return connectBy({ protocols: ['wss', 'ws'], dial: wsconnect }, options);
};
