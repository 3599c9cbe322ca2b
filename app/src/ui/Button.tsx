/** Buttons, and links that look like them. */
import type { ComponentChildren } from 'preact';
import './button.css';
import { Icon, type IconName } from './Icon.tsx';

/** `plain` is the usual one; a page has one `primary`: the next thing to do. `quiet` has no frame; `danger` loses something. */
export type ButtonKind = 'plain' | 'primary' | 'quiet' | 'danger';

interface CommonProps {
  readonly kind?: ButtonKind | undefined;
  readonly small?: boolean | undefined;
  readonly onClick?: ((event: MouseEvent) => void) | undefined;
  readonly disabled?: boolean | undefined;
  /** For a button that stays pressed. */
  readonly pressed?: boolean | undefined;
  /** For a button that shows and hides something: whether it is shown. */
  readonly expanded?: boolean | undefined;
  readonly testid?: string | undefined;
}

export interface ButtonProps extends CommonProps {
  readonly icon?: IconName | undefined;
  readonly type?: 'button' | 'submit' | undefined;
  /** The work that the button started has not ended. */
  readonly busy?: boolean | undefined;
  readonly children: ComponentChildren;
}

export function Button({ icon, type = 'button', busy = false, children, ...props }: ButtonProps) {
  const { kind = 'plain', small = false, onClick, disabled = false, pressed, expanded, testid } = props;
  return (
    <button
      type={type}
      class={classOf(kind, small)}
      onClick={onClick}
      disabled={disabled}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-busy={busy}
      data-testid={testid}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

export interface IconButtonProps extends CommonProps {
  readonly icon: IconName;
  /** The name of the button, for screen readers and as its title. */
  readonly label: string;
}

export function IconButton({ icon, label, ...props }: IconButtonProps) {
  const { kind = 'quiet', small = false, onClick, disabled = false, pressed, expanded, testid } = props;
  return (
    <button
      type="button"
      class={`${classOf(kind, small)} only-icon`}
      title={label}
      aria-label={label}
      onClick={onClick}
      disabled={disabled}
      aria-pressed={pressed}
      aria-expanded={expanded}
      data-testid={testid}
    >
      <Icon name={icon} />
    </button>
  );
}

export interface LinkButtonProps {
  readonly href: string;
  readonly kind?: ButtonKind | undefined;
  readonly small?: boolean | undefined;
  readonly icon?: IconName | undefined;
  /** Save the target under this name. */
  readonly download?: string | undefined;
  readonly testid?: string | undefined;
  readonly children: ComponentChildren;
}

export function LinkButton({ href, kind = 'plain', small = false, icon, ...props }: LinkButtonProps) {
  return (
    <a class={classOf(kind, small)} href={href} download={props.download} data-testid={props.testid}>
      {icon && <Icon name={icon} />}
      <span>{props.children}</span>
    </a>
  );
}

const classOf = (kind: ButtonKind, small: boolean): string => `button ${kind}${small ? ' small' : ''}`;
