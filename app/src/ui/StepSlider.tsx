/** Chooses one of the steps that there is something of. */
import { useId } from 'preact/hooks';
import { IconButton } from './Button.tsx';
import './field.css';
import './stepSlider.css';

export interface StepSliderProps {
  readonly label?: string | undefined;
  /** The steps, ascending. */
  readonly steps: readonly number[];
  /** One of them. */
  readonly value: number;
  readonly onChange: (step: number) => void;
}

export function StepSlider({ label = 'Step', steps, value, onChange }: StepSliderProps) {
  const id = useId();
  const index = nearestIndex(steps, value);
  const go = (to: number): void => {
    const step = steps[Math.min(Math.max(to, 0), steps.length - 1)];
    if (step !== undefined && step !== value) onChange(step);
  };
  return (
    <div class="step-slider">
      <label for={id}>{label}</label>
      <IconButton icon="left" label="Previous step" disabled={index <= 0} onClick={() => go(index - 1)} />
      <input
        id={id}
        type="range"
        min={0}
        max={Math.max(0, steps.length - 1)}
        step={1}
        value={index}
        disabled={steps.length < 2}
        aria-valuetext={`step ${value}`}
        onInput={(event) => go(event.currentTarget.valueAsNumber)}
      />
      <IconButton
        icon="right"
        label="Next step"
        disabled={index >= steps.length - 1}
        onClick={() => go(index + 1)}
      />
      <output for={id}>
        {value} <span class="quiet">/ {steps.at(-1) ?? 0}</span>
      </output>
    </div>
  );
}

/** Return the index of the step that is nearest to `step`; the earlier one of two; 0 of none. */
export function nearestIndex(steps: readonly number[], step: number): number {
  let best = 0;
  for (const [i, other] of steps.entries()) {
    if (Math.abs(other - step) < Math.abs((steps[best] ?? other) - step)) best = i;
  }
  return best;
}
