/** The page that is shown, as the address names it. */
import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { formatRoute, parseRoute, type Route } from './routes.ts';

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

/** The route that the address names; undefined where it names none. */
export const route: ReadonlySignal<Route | undefined> = computed(() => parseRoute(hash.value));

/** Go to a page. `replace` leaves no entry in the history, as for a slider that moves. */
export function navigate(to: Route, { replace = false } = {}): void {
  const address = formatRoute(to);
  if (address === location.hash) return;
  if (replace) history.replaceState(history.state, '', address);
  else history.pushState(null, '', address);
  hash.value = location.hash;
}

/** True from the moment another page is shown until its heading takes the focus. Parameters behind `?` make no other page. */
let isNavigated = false;
let shownPath = pathOf(hash.peek());

effect(() => {
  const path = pathOf(hash.value);
  isNavigated ||= path !== shownPath;
  shownPath = path;
});

/** Return whether another page is shown since the last call. */
export function takeNavigation(): boolean {
  const taken = isNavigated;
  isNavigated = false;
  return taken;
}

function pathOf(address: string): string {
  return address.split('?', 1).join();
}
