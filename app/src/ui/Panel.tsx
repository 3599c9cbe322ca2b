/** A titled part of a page. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import './panel.css';

export interface PanelProps {
  readonly title?: string | undefined;
  /** A short line below the title. */
  readonly note?: ComponentChildren;
  /** Buttons at the right of the title. */
  readonly actions?: ComponentChildren;
  /** Leave out the padding, as for a table that reaches to the edges. */
  readonly flush?: boolean | undefined;
  readonly testid?: string | undefined;
  readonly children: ComponentChildren;
}

export function Panel({ title, note, actions, flush = false, testid, children }: PanelProps) {
  const id = useId();
  return (
    <section
      class={`panel${flush ? ' flush' : ''}`}
      aria-labelledby={title ? id : undefined}
      data-testid={testid}
    >
      {(title || actions) && (
        <header>
          {title && <h2 id={id}>{title}</h2>}
          {actions && <div class="row actions">{actions}</div>}
          {note && <p class="quiet">{note}</p>}
        </header>
      )}
      <div class="body">{children}</div>
    </section>
  );
}
