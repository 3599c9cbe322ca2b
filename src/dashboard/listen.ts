/** Opens the port of a dashboard, on this machine alone. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { MathformerError } from '../base/errors.ts';

/** The port of a dashboard that is given none. */
export const DEFAULT_PORT = 6160;
const HOST = '127.0.0.1';
/** Maximum size of a request's headers in bytes: a page that follows many runs sends the position of each. */
const HEADER_BYTES = 1 << 20;

/** A server that listens. Disposing of it ends it, with all connections. */
export interface Listening extends AsyncDisposable {
  /** The address for a browser, such as `http://127.0.0.1:6160/`. */
  readonly address: string;
}

/**
 * Listen on a port of 127.0.0.1.
 * @param port undefined for the usual one, or any free one if that is in use.
 * @throws MathformerError, PORT_IN_USE or PORT_FORBIDDEN.
 */
export async function listen(app: Hono, port: number | undefined): Promise<Listening> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    hostname: HOST,
    serverOptions: { maxHeaderSize: HEADER_BYTES },
  }) as Server;
  if (port !== undefined) await listening(server, port);
  else {
    try {
      await listening(server, DEFAULT_PORT);
    } catch (error) {
      if (!(error instanceof MathformerError)) throw error;
      await listening(server, 0);
    }
  }
  const { port: opened } = server.address() as AddressInfo;
  return {
    address: `http://${HOST}:${opened}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(portError(error, port));
    server.once('error', fail);
    server.listen(port, HOST, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function portError(error: NodeJS.ErrnoException, port: number): Error {
  const where = '--port';
  const free = 'give another --port, or leave it out to take a free one';
  switch (error.code) {
    case 'EADDRINUSE':
      return new MathformerError(`port ${port} is in use by another program`, {
        code: 'PORT_IN_USE',
        where,
        fix: free,
      });
    case 'EACCES':
      return new MathformerError(`port ${port} needs permissions`, {
        code: 'PORT_FORBIDDEN',
        where,
        fix: free,
      });
    default:
      return error;
  }
}
