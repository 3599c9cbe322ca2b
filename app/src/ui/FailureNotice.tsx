/** An error on the page: the problem, and the advice on what to do. */
import { MathformerError } from 'mathformer';
import type { ComponentChildren } from 'preact';
import { Notice } from './Notice.tsx';

export interface FailureNoticeProps {
  readonly error: unknown;
  readonly actions?: ComponentChildren;
}

export function FailureNotice({ error, actions }: FailureNoticeProps) {
  const { problem, fix } = failureOf(error);
  return <Notice kind="error" title={problem} fix={fix} actions={actions} />;
}

/** Split an error into its problem and its fix. */
export function failureOf(error: unknown): { readonly problem: string; readonly fix: string | undefined } {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof MathformerError) || error.fix === '') return { problem: message, fix: undefined };
  const problem = message.endsWith(error.fix) ? message.slice(0, -error.fix.length) : message;
  return { problem: problem.replace(/;\s*$/, ''), fix: error.fix };
}
