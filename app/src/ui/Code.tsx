/** Program text with a button that copies it, and the button alone. */
import { useEffect, useState } from 'preact/hooks';
import { Button } from './Button.tsx';
import './code.css';
import { announce } from './live.tsx';

/** Time for which a button says that it copied. */
const COPIED_MS = 2000;

export interface CopyButtonProps {
  readonly text: string | (() => string);
  readonly children?: string;
}

export function CopyButton({ text, children = 'Copy' }: CopyButtonProps) {
  const [result, setResult] = useState<'Copied' | 'Not allowed'>();
  useEffect(() => {
    if (!result) return;
    announce(result);
    const timer = setTimeout(() => setResult(undefined), COPIED_MS);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
      setResult('Copied');
    } catch {
      setResult('Not allowed');
    }
  };
  return (
    <Button kind="quiet" small icon={result === 'Copied' ? 'check' : 'copy'} onClick={copy}>
      {result ?? children}
    </Button>
  );
}

export interface CodeProps {
  readonly text: string;
  /** Name of the program, for screen readers. */
  readonly label: string;
}

export function Code({ text, label }: CodeProps) {
  return (
    <figure class="code">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: text that scrolls has to be reachable from the keyboard */}
      <section aria-label={label} tabIndex={0}>
        <pre>
          <code>{text}</code>
        </pre>
      </section>
      <CopyButton text={text} />
    </figure>
  );
}
