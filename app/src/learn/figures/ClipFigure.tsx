/** Tokens of a group after some steps of practice, on the clipped objective. */
import { useCallback, useState } from 'preact/hooks';
import { Canvas, type Surface } from '../../charts/Canvas.tsx';
import { useComputation } from '../../model/useComputation.ts';
import { Details } from '../../ui/Details.tsx';
import { Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SliderField } from '../../ui/fields.tsx';
import { Table } from '../../ui/Table.tsx';
import { drawClip, HEIGHT } from '../drawClip.ts';
import { Figure } from '../Figure.tsx';
import { bundledModel } from '../model.ts';
import { type PractisedToken, practisedTokens } from '../practice.ts';
import { PRACTICE } from '../practiceOptions.ts';
import { PractisedSteps } from './PractisedSteps.tsx';

export function ClipFigure() {
  const [step, setStep] = useState(4);
  const [clipRatio, setClipRatio] = useState(0.2);
  const { value, error, busy } = useComputation(
    () => bundledModel.practise({ ...PRACTICE, klCoef: 0, clipRatio }),
    [clipRatio],
  );
  const tokens = value ? practisedTokens(value, step, { clipRatio, temperature: PRACTICE.temperature }) : [];
  const clipped = tokens.filter((token) => token.clipped).length;
  const draw = useCallback(
    (surface: Surface) => drawClip(surface, { tokens, clipRatio }),
    [value, step, clipRatio],
  );
  return (
    <Figure
      busy={busy}
      controls={
        <>
          <PractisedSteps value={step} onInput={setStep} />
          <SliderField
            label="Clip at 1 ± ε"
            min={0.05}
            max={0.5}
            step={0.05}
            value={clipRatio}
            format={(at) => at.toFixed(2)}
            onInput={setClipRatio}
          />
        </>
      }
    >
      {error !== undefined && <FailureNotice error={error} />}
      {!value && error === undefined && <Loading label="The model practises" />}
      {value && (
        <>
          <p class="head-readout">
            <strong>
              {clipped} of {tokens.length}
            </strong>{' '}
            tokens are beyond the clip: they push no further.
          </p>
          <Canvas
            draw={draw}
            height={HEIGHT}
            label={`Ratio and objective of ${tokens.length} tokens, ${clipped} clipped`}
          />
          <Details summary="As a table">
            <Table
              label="Tokens of the group"
              rows={tokens}
              rowKey={({ completion, position }) => `${completion} ${position}`}
              columns={COLUMNS}
            />
          </Details>
        </>
      )}
    </Figure>
  );
}

const COLUMNS = [
  {
    key: 'completion',
    header: 'Completion',
    numeric: true,
    cell: ({ completion }: PractisedToken) => completion + 1,
  },
  { key: 'token', header: 'Token', rowHeader: true, cell: ({ text }: PractisedToken) => <code>{text}</code> },
  {
    key: 'advantage',
    header: 'Advantage',
    numeric: true,
    cell: ({ advantage }: PractisedToken) => advantage.toFixed(2),
  },
  { key: 'ratio', header: 'Ratio', numeric: true, cell: ({ ratio }: PractisedToken) => ratio.toFixed(3) },
  { key: 'clipped', header: 'Clipped', cell: ({ clipped }: PractisedToken) => (clipped ? 'yes' : 'no') },
];
