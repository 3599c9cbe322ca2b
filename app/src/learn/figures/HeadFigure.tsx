/** The attention of the bundled model on a sum and its answer. */
import { useState } from 'preact/hooks';
import { useComputation } from '../../model/useComputation.ts';
import { type HeadRef, headValues } from '../../run/heads/attentionView.ts';
import { type Cell, HeadMatrix } from '../../run/heads/HeadMatrix.tsx';
import { HeadThumbnails } from '../../run/heads/HeadThumbnails.tsx';
import { visibleToken } from '../../ui/visibleText.ts';
import '../../run/heads/heads.css';
import type { HeadScale } from '../../run/heads/paintHead.ts';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { TextField } from '../../ui/fields.tsx';
import { percent } from '../Bars.tsx';
import { Figure } from '../Figure.tsx';
import { bundledModel } from '../model.ts';

const SCALE: HeadScale = { kind: 'probability', most: 1 };

export function HeadFigure() {
  const [text, setText] = useState('3+4');
  const [chosen, setChosen] = useState<HeadRef>({ layer: 0, head: 0 });
  const [wanted, setCell] = useState<Cell>({ i: Number.MAX_SAFE_INTEGER, j: 0 });
  const { value, error, busy } = useComputation(
    text === ''
      ? undefined
      : async () => {
          const tokens = await bundledModel.tokens(text, true);
          return { tokens, attention: await bundledModel.attend(tokens.ids) };
        },
    [text],
  );
  return (
    <Figure busy={busy} controls={<TextField label="A sum" mono value={text} onInput={setText} />}>
      {error !== undefined && <FailureNotice error={error} />}
      {value && <Heads {...{ value, chosen, wanted }} onChoose={setChosen} onCell={setCell} />}
    </Figure>
  );
}

interface HeadsProps {
  readonly value: {
    readonly tokens: Awaited<ReturnType<typeof bundledModel.tokens>>;
    readonly attention: Awaited<ReturnType<typeof bundledModel.attend>>;
  };
  readonly chosen: HeadRef;
  readonly wanted: Cell;
  readonly onChoose: (head: HeadRef) => void;
  readonly onCell: (cell: Cell) => void;
}

function Heads({ value: { tokens, attention }, chosen, wanted, onChoose, onCell }: HeadsProps) {
  const head = headValues(attention, chosen);
  const i = Math.min(wanted.i, head.length - 1);
  const cell = { i, j: Math.min(wanted.j, i) };
  const { texts } = tokens;
  const share = head.values[cell.i * head.length + cell.j] ?? 0;
  return (
    <div class="figure-heads">
      <HeadThumbnails attention={attention} scale={SCALE} chosen={chosen} onChoose={onChoose} />
      <div>
        <p class="head-readout">
          <code>{visibleToken(texts[cell.i] ?? '')}</code> looks at{' '}
          <code>{visibleToken(texts[cell.j] ?? '')}</code> <strong>{percent(share)}</strong>
        </p>
        <HeadMatrix
          {...{ head, texts, cell, onCell }}
          label={`Layer ${chosen.layer + 1}, head ${chosen.head + 1}`}
          scale={SCALE}
          format={percent}
        />
      </div>
    </div>
  );
}
