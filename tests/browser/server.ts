/** Serves directories to browsers, as a plain file server does. */
import { serve as listen, type ServerType } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';

/** Headers that let a page share memory between threads. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** A directory served below a path, with additional headers. */
export interface Mount {
  /** Begins and ends with a slash. */
  readonly path: string;
  readonly directory: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FileServer {
  /** Without a slash at its end. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Serve directories on a free port of 127.0.0.1. */
export async function serve(mounts: readonly Mount[]): Promise<FileServer> {
  const app = new Hono();
  for (const { path, directory, headers = {} } of mounts) {
    app.get(
      `${path}*`,
      async (context, next) => {
        for (const [name, value] of Object.entries(headers)) context.header(name, value);
        await next();
      },
      serveStatic({ root: directory, rewriteRequestPath: (url) => url.slice(path.length - 1) }),
    );
  }
  const { server, port } = await new Promise<{ server: ServerType; port: number }>((resolve) => {
    const server = listen({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
      resolve({ server, port }),
    );
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
