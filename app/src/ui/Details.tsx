/** Something that is shown on demand. */
import type { ComponentChildren } from 'preact';
import './details.css';

export interface DetailsProps {
  readonly summary: ComponentChildren;
  readonly open?: boolean | undefined;
  readonly onToggle?: ((open: boolean) => void) | undefined;
  readonly children: ComponentChildren;
}

export function Details({ summary, open = false, onToggle, children }: DetailsProps) {
  return (
    <details class="details" open={open} onToggle={(event) => onToggle?.(event.currentTarget.open)}>
      <summary>{summary}</summary>
      <div class="body">{children}</div>
    </details>
  );
}
