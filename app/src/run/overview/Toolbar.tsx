/** Chooses the phase, smooths the curves, and leads to runs to compare with. */
import type { RunData } from '../../data/runData.ts';
import { formatRoute } from '../../shell/routes.ts';
import { Button, LinkButton } from '../../ui/Button.tsx';
import { SliderField } from '../../ui/fields.tsx';

export interface ToolbarProps {
  readonly run: RunData;
  readonly phase: string;
  readonly phases: readonly { readonly name: string; readonly label: string }[];
  readonly smoothing: number;
  readonly onPhase: (name: string) => void;
  readonly onSmoothing: (beta: number) => void;
}

/** Slider positions of smoothing. Equal steps look alike, as the average reaches back 1/(1 − β) steps. */
const BETAS = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];

export function Toolbar({ run, phase, phases, smoothing, onPhase, onSmoothing }: ToolbarProps) {
  const position = Math.max(
    0,
    BETAS.findLastIndex((beta) => beta <= smoothing),
  );
  return (
    <div class="toolbar no-print">
      {phases.length > 1 && (
        <fieldset class="row">
          <legend class="visually-hidden">Phase</legend>
          {phases.map(({ name, label }) => (
            <Button key={name} small pressed={name === phase} onClick={() => onPhase(name)}>
              {label}
            </Button>
          ))}
        </fieldset>
      )}
      <SliderField
        label="Smoothing"
        value={position}
        min={0}
        max={BETAS.length - 1}
        step={1}
        format={(index) => (index === 0 ? 'none' : String(BETAS[index]))}
        onInput={(index) => onSmoothing(BETAS[index] ?? 0)}
      />
      <p class="hint">Drag to zoom, double click to show all. A click on a step opens its groups.</p>
      <LinkButton small icon="plus" href={formatRoute({ page: 'runs', filter: '', compare: [run.ref] })}>
        Compare
      </LinkButton>
    </div>
  );
}
