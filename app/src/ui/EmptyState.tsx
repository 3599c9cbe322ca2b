/** The place of something that is not there yet: what it will be, and how to get it. */
import type { ComponentChildren } from 'preact';
import './empty.css';

export interface EmptyStateProps {
  readonly title: string;
  readonly actions?: ComponentChildren;
  readonly children?: ComponentChildren;
}

export function EmptyState({ title, actions, children }: EmptyStateProps) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {children && <div class="quiet prose">{children}</div>}
      {actions && <div class="row">{actions}</div>}
    </div>
  );
}

/** The place of something that is being read. It shows nothing at first, so that what comes at once does not flicker. */
export function Loading({ label = 'Loading' }: { readonly label?: string }) {
  return (
    <div class="loading" role="status">
      <span>{label} …</span>
    </div>
  );
}
