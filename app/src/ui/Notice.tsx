/** A message that stays on the page: what is so, and what to do about it. */
import type { ComponentChildren } from 'preact';
import { Advice } from './Advice.tsx';
import { Icon } from './Icon.tsx';
import './notice.css';

export interface NoticeProps {
  readonly kind: 'info' | 'warning' | 'error';
  readonly title: ComponentChildren;
  /** Advice on what to do next. */
  readonly fix?: ComponentChildren;
  /** Buttons that do it. */
  readonly actions?: ComponentChildren;
  readonly testid?: string | undefined;
  readonly children?: ComponentChildren;
}

export function Notice({ kind, title, fix, actions, testid, children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'status'} data-testid={testid}>
      <Icon name={kind} />
      <div>
        <p class="title">{title}</p>
        {fix && <p class="fix">{typeof fix === 'string' ? <Advice text={fix} /> : fix}</p>}
        {children}
      </div>
      {actions && <div class="row actions">{actions}</div>}
    </div>
  );
}
