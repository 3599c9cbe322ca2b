/** Components whose code is loaded when they are first shown. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Loading } from '../ui/EmptyState.tsx';

/** Return a component that loads another one, and shows that it loads meanwhile. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [, setVersion] = useState(0);
    const [failure, setFailure] = useState<{ readonly error: unknown }>();
    useEffect(() => {
      if (loaded) return;
      load().then(
        (component) => {
          loaded = component;
          setVersion((version) => version + 1);
        },
        (cause) => setFailure({ error: notLoaded(cause) }),
      );
    }, []);
    // The error boundary says what to do.
    if (failure) throw failure.error;
    if (!loaded) return <Loading />;
    const Loaded = loaded;
    return <Loaded {...props} />;
  };
}

const notLoaded = (cause: unknown): Error =>
  new Error('This part of the page could not be loaded. Check the connection, then load the page again.', {
    cause,
  });
