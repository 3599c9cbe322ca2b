/** All heads, and one of them enlarged. */
import { useMemo, useState } from 'preact/hooks';
import { navigate } from '../../shell/navigation.ts';
import type { RunRoute } from '../../shell/routes.ts';
import { Panel } from '../../ui/Panel.tsx';
import { change, type HeadRef, type HeadValues, headValues, largest, visibleToken } from './attentionView.ts';
import { type Cell, HeadMatrix } from './HeadMatrix.tsx';
import { HeadThumbnails } from './HeadThumbnails.tsx';
import { LookedAtTokens } from './LookedAtTokens.tsx';
import type { HeadScale } from './paintHead.ts';
import { ScaleLegend } from './ScaleLegend.tsx';
import type { ComputedAttention } from './useAttention.ts';

export interface HeadsViewProps {
  readonly result: ComputedAttention;
  /** Another result is on its way. */
  readonly busy: boolean;
  readonly route: RunRoute;
}

export function HeadsView({ result, busy, route }: HeadsViewProps) {
  const { tokens, now, before } = result;
  const { texts } = tokens;
  const attention = useMemo(() => (before ? change(now, before) : now), [now, before]);
  const scale = useMemo<HeadScale>(
    () => (before ? { kind: 'change', most: largest(attention) } : { kind: 'probability', most: 1 }),
    [attention, before],
  );
  const chosen = headIn(route.view.head, attention);
  const head = useMemo(() => headValues(attention, chosen), [attention, chosen.layer, chosen.head]);
  const [wanted, setCell] = useState<Cell>();
  const cell = cellIn(wanted, head);
  const format = scale.kind === 'change' ? signed : percent;
  const name = `Layer ${chosen.layer + 1}, head ${chosen.head + 1}`;
  const value = head.values[cell.i * head.length + cell.j] ?? 0;
  return (
    <div class={busy ? 'heads-view busy' : 'heads-view'} aria-busy={busy}>
      <Panel title="All heads" note={`${attention.layers} layers of ${attention.heads} heads`}>
        <HeadThumbnails
          attention={attention}
          scale={scale}
          chosen={chosen}
          onChoose={({ layer, head: number }) =>
            navigate(
              { ...route, view: { ...route.view, head: `${layer + 1}.${number + 1}` } },
              { replace: true },
            )
          }
        />
      </Panel>
      <Panel title={name} note={<ScaleLegend {...{ scale, format }} />}>
        <p class="head-readout">
          <code>{visibleToken(texts[cell.i] ?? '')}</code> looks at{' '}
          <code>{visibleToken(texts[cell.j] ?? '')}</code> <strong>{format(value)}</strong>
        </p>
        <HeadMatrix {...{ head, texts, scale, cell, format }} label={name} onCell={setCell} />
      </Panel>
      <Panel
        title={`What ${visibleToken(texts[cell.i] ?? '')} looks at`}
        note={`Token ${cell.i + 1} of ${head.length}; ${name.toLowerCase()}`}
      >
        <LookedAtTokens {...{ head, texts, scale, cell, format }} onCell={setCell} />
      </Panel>
    </div>
  );
}

const percent = (value: number): string => `${tenths(100 * value)} %`;
const signed = (value: number): string => {
  const sign = value < 0 ? '−' : '+';
  return value === 0 ? '0' : `${sign}${tenths(100 * Math.abs(value))} points`;
};
const tenths = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));

/** Read a head such as `1.2` from the address; the first one otherwise. */
function headIn(text: string | undefined, { layers, heads }: { layers: number; heads: number }): HeadRef {
  const [layer = 1, head = 1] = (text ?? '').split('.').map(Number);
  const isThere = Number.isInteger(layer) && Number.isInteger(head) && layer >= 1 && head >= 1;
  return isThere && layer <= layers && head <= heads
    ? { layer: layer - 1, head: head - 1 }
    : { layer: 0, head: 0 };
}

/** Keep a cell within the triangle; without one, take what the last token looks at most. */
function cellIn(cell: Cell | undefined, { length, values }: HeadValues): Cell {
  if (cell) return { i: Math.min(cell.i, length - 1), j: Math.min(cell.j, cell.i, length - 1) };
  const last = Array.from(values.subarray((length - 1) * length));
  return { i: length - 1, j: last.indexOf(Math.max(...last)) };
}
