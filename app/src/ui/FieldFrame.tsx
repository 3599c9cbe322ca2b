/** The label, help and error around an input. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import './field.css';

/** Props that all fields have. */
export interface FieldProps {
  readonly label: ComponentChildren;
  readonly help?: ComponentChildren;
  /** The fault of the value, and its fix. */
  readonly error?: string | undefined;
  readonly disabled?: boolean | undefined;
  readonly testid?: string | undefined;
}

/** Attributes that tie an input to its label, help and error. */
export interface InputLinks {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': boolean | undefined;
}

export interface FieldFrameProps extends FieldProps {
  /** A class beside `field`. */
  readonly kind: string;
  readonly children: (links: InputLinks) => ComponentChildren;
}

export function FieldFrame({ kind, label, help, error, children }: FieldFrameProps) {
  const id = useId();
  const note = `${id}-note`;
  const links = {
    id,
    'aria-describedby': help || error ? note : undefined,
    'aria-invalid': error ? true : undefined,
  };
  return (
    <div class={`field ${kind}`}>
      <label for={id}>{label}</label>
      {children(links)}
      {(help || error) && (
        <p id={note} class={error ? 'error' : 'help'}>
          {error ?? help}
        </p>
      )}
    </div>
  );
}
