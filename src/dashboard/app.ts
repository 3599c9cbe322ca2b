/** The server of a dashboard: the built app, and the runs below a directory to read. */
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { eventsAnswer } from './events.ts';
import { fileAnswer } from './files.ts';
import { guard } from './guard.ts';
import { failure, refusal } from './refusal.ts';
import { ServedRuns } from './servedRuns.ts';

/** Options of the server. */
export interface DashboardOptions {
  /** The directory with the runs, or of one run. */
  readonly directory: string;
  /** The directory of the built app; undefined if there is none. */
  readonly app: string | undefined;
}

/** The policy of the pages: nothing from other places, no code in the text of a page. */
const POLICY = {
  defaultSrc: ["'self'"],
  scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
  styleSrc: ["'self'"],
  workerSrc: ["'self'", 'blob:'],
  imgSrc: ["'self'", 'data:', 'blob:'],
  connectSrc: ["'self'"],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** The program of the Worker that lends the tab. It alone may connect to other machines: a Worker has the policy of its own file. */
const LENDING = /^\/assets\/lendWorker-/;
const LENDING_POLICY = { ...POLICY, connectSrc: ["'self'", 'ws:', 'wss:'] };

/** Files whose names have a hash of their content. */
const HASHED = /^\/assets\//;

/** Build the server. It opens no port. */
export function dashboardApp({ directory, app }: DashboardOptions): Hono {
  const runs = new ServedRuns(directory);
  const server = new Hono();
  server.onError((error, c) => failure(c, error));
  server.use(guard, cached);
  const [shared, lending] = [headersWith(POLICY), headersWith(LENDING_POLICY)];
  server.use((c, next) => (LENDING.test(c.req.path) ? lending : shared)(c, next));
  server.route('/api', api(runs));
  if (app === undefined) server.get('/', noApp);
  else server.use(serveStatic({ root: app }));
  server.notFound((c) => refusal(c, 404, 'NOT_FOUND', 'there is nothing at this address', 'open /'));
  return server;
}

const headersWith = (contentSecurityPolicy: typeof POLICY): MiddlewareHandler =>
  secureHeaders({
    contentSecurityPolicy,
    crossOriginEmbedderPolicy: 'require-corp',
    referrerPolicy: 'no-referrer',
    xFrameOptions: 'DENY',
    strictTransportSecurity: false,
  });

function api(runs: ServedRuns): Hono {
  const routes = new Hono();
  routes.get('/runs', async (c) => c.json({ directory: runs.directory, runs: await runs.list() }));
  routes.get('/runs/:id', async (c) => {
    const id = c.req.param('id');
    const run = await runs.listing(id);
    const files = await runs.files(id);
    return run && files ? c.json({ run, files: files.list() }) : noRun(c);
  });
  routes.get('/runs/:id/files/:name{.+}', async (c) => {
    const files = await runs.files(c.req.param('id'));
    return files ? fileAnswer(c, files, c.req.param('name')) : noRun(c);
  });
  routes.get('/events', (c) => eventsAnswer(c, runs));
  return routes;
}

const noRun = (c: Context): Response =>
  refusal(c, 404, 'NO_RUN', 'this run is no longer there, or never was', 'choose one of the list of runs');

const noApp = (c: Context): Response =>
  refusal(
    c,
    503,
    'NO_APP',
    'the pages are not built',
    'run npm run app:build, and start the dashboard again',
  );

/** Let the browser keep files whose names change with their content; it asks again for the others. */
const cached: MiddlewareHandler = async (c, next) => {
  await next();
  const { path } = c.req;
  const isKept = c.res.ok && HASHED.test(path);
  const other = path.startsWith('/api/') ? 'no-store' : 'no-cache';
  c.res.headers.set('Cache-Control', isKept ? 'public, max-age=31536000, immutable' : other);
};
