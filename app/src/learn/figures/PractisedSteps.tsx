/** The steps that the model of a figure practises on the same completions. */
import { SliderField } from '../../ui/fields.tsx';
import { STEPS } from '../practiceOptions.ts';

interface PractisedStepsProps {
  readonly value: number;
  readonly onInput: (step: number) => void;
}

export function PractisedSteps({ value, onInput }: PractisedStepsProps) {
  return (
    <SliderField
      label="Steps on the same completions"
      min={0}
      max={STEPS}
      step={1}
      value={value}
      onInput={onInput}
    />
  );
}
