/** A head, enlarged, and what one of its tokens looks at. The cursor is its own: moving it draws nothing else. */
import { useState } from 'preact/hooks';
import { Panel } from '../../ui/Panel.tsx';
import { visibleToken } from '../../ui/visibleText.ts';
import type { HeadValues } from './attentionView.ts';
import { type Cell, HeadMatrix } from './HeadMatrix.tsx';
import { LookedAtTokens } from './LookedAtTokens.tsx';
import type { HeadScale } from './paintHead.ts';
import { ScaleLegend } from './ScaleLegend.tsx';

export interface EnlargedHeadProps {
  readonly name: string;
  readonly head: HeadValues;
  readonly texts: readonly string[];
  readonly scale: HeadScale;
}

export function EnlargedHead({ name, head, texts, scale }: EnlargedHeadProps) {
  const [wanted, setCell] = useState<Cell>();
  const cell = cellIn(wanted, head);
  const format = scale.kind === 'change' ? signed : percent;
  const [from, to] = [cell.i, cell.j].map((token) => visibleToken(texts[token] ?? ''));
  return (
    <>
      <Panel title={name} note={<ScaleLegend {...{ scale, format }} />}>
        <p class="head-readout">
          <code>{from}</code> looks at <code>{to}</code>{' '}
          <strong>{format(head.values[cell.i * head.length + cell.j] ?? 0)}</strong>
        </p>
        <HeadMatrix {...{ head, texts, scale, cell, format }} label={name} onCell={setCell} />
      </Panel>
      <Panel
        title={`What ${from} looks at`}
        note={`Token ${cell.i + 1} of ${head.length}; ${name.toLowerCase()}`}
      >
        <LookedAtTokens {...{ head, texts, scale, cell, format }} onCell={setCell} />
      </Panel>
    </>
  );
}

const percent = (value: number): string => `${tenths(100 * value)} %`;
const signed = (value: number): string => {
  const sign = value < 0 ? '−' : '+';
  return value === 0 ? '0' : `${sign}${tenths(100 * Math.abs(value))} points`;
};
const tenths = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));

/** Keep a cell within the triangle; without one, take what the last token looks at most. */
function cellIn(cell: Cell | undefined, { length, values }: HeadValues): Cell {
  if (cell) return { i: Math.min(cell.i, length - 1), j: Math.min(cell.j, cell.i, length - 1) };
  const last = Array.from(values.subarray((length - 1) * length));
  return { i: length - 1, j: last.indexOf(Math.max(...last)) };
}
