/** Messages for screen readers. */
import { signal } from '@preact/signals';

const message = signal('');

/** Say a message, once what is being said has ended. */
export function announce(text: string): void {
  // The same words are said again only if the region changes.
  message.value = text === message.value ? `${text}\u00a0` : text;
}

/** The region that screen readers listen to; the frame holds the one of the app. */
export function LiveRegion() {
  return (
    <div class="visually-hidden" aria-live="polite" role="status">
      {message}
    </div>
  );
}
