/** Registers the service worker, and tells of new versions. */
import { signal } from '@preact/signals';

const waiting = signal<ServiceWorker | undefined>(undefined);
const replaced = signal(false);

/** The state of this page's version: the newest known, one that waits behind it, or one that has taken its place in another tab. */
export type Version = 'current' | 'waiting' | 'replaced';

/** Return the state of this page's version; a component that calls it is drawn again when that changes. */
export function version(): Version {
  if (replaced.value) return 'replaced';
  return waiting.value ? 'waiting' : 'current';
}

/** Keep the app for use without a network. */
export async function keepOffline(): Promise<void> {
  const { serviceWorker } = navigator;
  if (!serviceWorker || !import.meta.env.PROD) return;
  const wasControlled = serviceWorker.controller !== null;
  serviceWorker.addEventListener('controllerchange', () => {
    // The first worker takes over no page that loaded without it.
    if (wasControlled) replaced.value = true;
  });
  const registration = await serviceWorker.register('./serviceWorker.js');
  noteWaiting(registration);
  registration.addEventListener('updatefound', () => {
    const { installing } = registration;
    installing?.addEventListener('statechange', () => noteWaiting(registration));
  });
}

function noteWaiting({ waiting: worker }: ServiceWorkerRegistration): void {
  // Without a page that it controls, a worker that waits is the first one.
  if (worker && navigator.serviceWorker.controller) waiting.value = worker;
}

/** Load the page in its new version. */
export function update(): void {
  const worker = waiting.value;
  if (!worker || replaced.value) {
    location.reload();
    return;
  }
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
  worker.postMessage('activate');
}

/** Forget what was kept: a dashboard is served by the version that wrote the runs. */
export async function keepNothing(): Promise<void> {
  const registrations = (await navigator.serviceWorker?.getRegistrations()) ?? [];
  await Promise.all(registrations.map((registration) => registration.unregister()));
}
