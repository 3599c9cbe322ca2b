/** Inputs for text, numbers, choices, switches and sliders. */
import { useState } from 'preact/hooks';
import { FieldFrame, type FieldProps } from './FieldFrame.tsx';
import { numberFrom } from './numberFrom.ts';

export interface TextFieldProps extends FieldProps {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly placeholder?: string | undefined;
  /** Use the mono, as for an expression. */
  readonly mono?: boolean | undefined;
}

export function TextField({ value, onInput, placeholder, mono = false, ...props }: TextFieldProps) {
  return (
    <FieldFrame kind={mono ? 'text mono-input' : 'text'} {...props}>
      {(links) => (
        <input
          {...links}
          type="text"
          value={value}
          placeholder={placeholder}
          disabled={props.disabled}
          data-testid={props.testid}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </FieldFrame>
  );
}

/** A text of several lines, such as the content of a file. */
export function TextAreaField({ value, onInput, placeholder, ...props }: TextFieldProps) {
  return (
    <FieldFrame kind="text mono-input" {...props}>
      {(links) => (
        <textarea
          {...links}
          rows={3}
          value={value}
          placeholder={placeholder}
          disabled={props.disabled}
          data-testid={props.testid}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </FieldFrame>
  );
}

export interface NumberFieldProps extends FieldProps {
  readonly value: number | null;
  /** Called with each number in range; with null for an empty field if it is `optional`. */
  readonly onInput: (value: number | null) => void;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly integer?: boolean | undefined;
  readonly optional?: boolean | undefined;
  readonly placeholder?: string | undefined;
}

/** A number as text, which takes `3e-4`, too, and keeps what is typed until it is a number. */
export function NumberField({ value, onInput, placeholder, optional = false, ...props }: NumberFieldProps) {
  const { min, max, integer } = props;
  const [draft, setDraft] = useState<string>();
  const typed = draft === undefined ? undefined : numberFrom(draft, { min, max, integer, optional });
  const shown = draft ?? (value === null ? '' : String(value));
  return (
    <FieldFrame kind="number-input" {...props} error={props.error ?? typed?.error}>
      {(links) => (
        <input
          {...links}
          type="text"
          inputMode={integer ? 'numeric' : 'decimal'}
          value={shown}
          placeholder={placeholder}
          disabled={props.disabled}
          data-testid={props.testid}
          autocomplete="off"
          onInput={({ currentTarget }) => {
            setDraft(currentTarget.value);
            const now = numberFrom(currentTarget.value, { min, max, integer, optional });
            if (now.error === undefined) onInput(now.value);
          }}
          onBlur={() => {
            if (typed?.error === undefined) setDraft(undefined);
          }}
        />
      )}
    </FieldFrame>
  );
}

export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

export interface SelectFieldProps<Value extends string> extends FieldProps {
  readonly value: Value;
  readonly choices: readonly Choice<Value>[];
  readonly onInput: (value: Value) => void;
}

export function SelectField<Value extends string>(props: SelectFieldProps<Value>) {
  const { value, choices, onInput, ...rest } = props;
  return (
    <FieldFrame kind="select" {...rest}>
      {(links) => (
        <select
          {...links}
          value={value}
          disabled={rest.disabled}
          data-testid={rest.testid}
          onInput={({ currentTarget }) => {
            const chosen = choices[currentTarget.selectedIndex];
            if (chosen) onInput(chosen.value);
          }}
        >
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
    </FieldFrame>
  );
}

export interface SwitchFieldProps extends FieldProps {
  readonly value: boolean;
  readonly onInput: (value: boolean) => void;
}

export function SwitchField({ value, onInput, ...props }: SwitchFieldProps) {
  return (
    <FieldFrame kind="switch" {...props}>
      {(links) => (
        <input
          {...links}
          type="checkbox"
          role="switch"
          checked={value}
          aria-checked={value}
          disabled={props.disabled}
          data-testid={props.testid}
          onInput={(event) => onInput(event.currentTarget.checked)}
        />
      )}
    </FieldFrame>
  );
}

export interface SliderFieldProps extends FieldProps {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** Write the value, as with a unit. */
  readonly format?: ((value: number) => string) | undefined;
  readonly onInput: (value: number) => void;
}

export function SliderField({ value, min, max, step, format = String, onInput, ...props }: SliderFieldProps) {
  return (
    <FieldFrame kind="slider" {...props}>
      {(links) => (
        <div class="range">
          <input
            {...links}
            type="range"
            min={min}
            max={max}
            step={step}
            value={value}
            disabled={props.disabled}
            data-testid={props.testid}
            aria-valuetext={format(value)}
            onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
          />
          <output for={links.id}>{format(value)}</output>
        </div>
      )}
    </FieldFrame>
  );
}
