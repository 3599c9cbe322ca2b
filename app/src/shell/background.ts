/** Work that goes on while other pages are shown. */
import { signal } from '@preact/signals';

/** Work that the head of every page tells of. */
export interface BackgroundWork {
  readonly label: string;
  /** The page of the work. */
  readonly href: string;
}

/** The work that goes on now; undefined without any. */
export const background = signal<BackgroundWork | undefined>(undefined);
