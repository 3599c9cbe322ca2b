/** Short states. A shape stands beside each colour, so that no state is told by colour alone. */
import type { RunState } from 'mathformer/training';
import type { ComponentChildren } from 'preact';
import './badge.css';

export type Tone = 'neutral' | 'good' | 'warning' | 'bad' | 'info' | 'signal';

export interface BadgeProps {
  readonly tone?: Tone | undefined;
  readonly testid?: string | undefined;
  readonly children: ComponentChildren;
}

export function Badge({ tone = 'neutral', testid, children }: BadgeProps) {
  return (
    <span class={`badge ${tone}`} data-testid={testid}>
      {children}
    </span>
  );
}

const TONES: Readonly<Record<string, Tone>> = {
  training: 'signal',
  paused: 'info',
  finished: 'good',
  stopped: 'neutral',
  failed: 'bad',
  unreadable: 'bad',
};

export interface StateBadgeProps {
  readonly state: RunState | 'idle' | 'paused' | 'failed';
  readonly testid?: string | undefined;
}

/** The state of a run, or of the training in this tab. */
export function StateBadge({ state, testid }: StateBadgeProps) {
  return (
    <span class={`badge state ${TONES[state] ?? 'neutral'} ${state}`}>
      <span data-testid={testid}>{state}</span>
    </span>
  );
}
