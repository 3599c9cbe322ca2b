/**
 * Keeps the app's files, so that it works offline, and isolates its pages: a file server that cannot send headers gets threads
 * that share memory from the second load on.
 */
import { addPlugins, cleanupOutdatedCaches, precacheAndRoute } from 'workbox-precaching';

/** The parts of a service worker's scope that are used here. */
interface ServiceWorkerScope {
  /** The build puts the names and hashes of all files here. */
  readonly __WB_MANIFEST: Parameters<typeof precacheAndRoute>[0];
  skipWaiting(): Promise<void>;
  addEventListener(type: 'message', on: (event: MessageEvent<unknown>) => void): void;
}

declare const self: ServiceWorkerScope;

/** Headers that isolate a page and its workers; the dashboard sends the same ones itself. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

addPlugins([{ handlerWillRespond: async ({ response }) => isolated(response) }]);
precacheAndRoute(self.__WB_MANIFEST);
cleanupOutdatedCaches();

// A new version waits until the person agrees: a page never runs with files of two versions.
self.addEventListener('message', ({ data }) => {
  if (data === 'activate') void self.skipWaiting();
});
