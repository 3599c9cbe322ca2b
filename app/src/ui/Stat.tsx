/** A figure with its name and its interval. */
import type { ComponentChildren } from 'preact';
import './stat.css';

export interface StatProps {
  readonly label: string;
  /** The figure, formatted; null shows a dash, since there is none yet. */
  readonly value: string | null;
  readonly unit?: string | undefined;
  /** A second line, such as a 95 % interval. */
  readonly note?: ComponentChildren;
  readonly testid?: string | undefined;
}

export function Stat({ label, value, unit, note, testid }: StatProps) {
  return (
    <div class="stat">
      <dt>{label}</dt>
      <dd>
        <span class="value">
          <span data-testid={testid}>{value ?? '–'}</span>
          {unit && value !== null && <span class="unit"> {unit}</span>}
        </span>
        <span class="note">{note}</span>
      </dd>
    </div>
  );
}

/** A row of figures. */
export function Stats({ children }: { readonly children: ComponentChildren }) {
  return <dl class="stats">{children}</dl>;
}
