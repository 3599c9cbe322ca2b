/** Shows a sentence in the place of a part of the page that failed. */
import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { Button } from '../ui/Button.tsx';
import { FailureNotice } from '../ui/FailureNotice.tsx';

export function ErrorBoundary({ children }: { readonly children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary((failure) => console.error(failure));
  if (error === undefined) return <>{children}</>;
  const actions = (
    <>
      <Button onClick={reset}>Try again</Button>
      <Button onClick={() => location.reload()}>Load the page again</Button>
    </>
  );
  return <FailureNotice error={error} actions={actions} />;
}
