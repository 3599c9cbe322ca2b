/** The frame of an interactive figure: what can be set, and what the model computes from it. */
import type { ComponentChildren } from 'preact';

export interface FigureProps {
  readonly controls?: ComponentChildren;
  /** Another result is on its way. */
  readonly busy: boolean;
  readonly children: ComponentChildren;
}

export function Figure({ controls, busy, children }: FigureProps) {
  return (
    <div class="figure">
      {controls && <div class="figure-controls">{controls}</div>}
      <div class={busy ? 'figure-body busy' : 'figure-body'} aria-busy={busy}>
        {children}
      </div>
    </div>
  );
}
