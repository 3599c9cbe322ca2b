/** The heading of a page. It names the document, too, and takes the focus after a navigation. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { takeNavigation } from './navigation.ts';

export interface PageTitleProps {
  readonly title: string;
  /** More of the document's title, such as the part of the page that is shown. */
  readonly part?: string | undefined;
  /** The heading, if it is more than the title. */
  readonly children?: ComponentChildren;
}

export function PageTitle({ title, part, children }: PageTitleProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = [part, title, 'mathformer'].filter(Boolean).join(' · ');
    if (takeNavigation()) heading.current?.focus();
  }, [title, part]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? title}
    </h1>
  );
}
