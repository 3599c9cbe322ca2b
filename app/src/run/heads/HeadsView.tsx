/** All heads, and one of them enlarged. */
import { useMemo } from 'preact/hooks';
import { navigate } from '../../shell/navigation.ts';
import type { RunRoute } from '../../shell/routes.ts';
import { Panel } from '../../ui/Panel.tsx';
import { change, type HeadRef, headValues, largest } from './attentionView.ts';
import { EnlargedHead } from './EnlargedHead.tsx';
import { HeadThumbnails } from './HeadThumbnails.tsx';
import type { HeadScale } from './paintHead.ts';
import type { ComputedAttention } from './useAttention.ts';

export interface HeadsViewProps {
  readonly result: ComputedAttention;
  /** Another result is on its way. */
  readonly busy: boolean;
  readonly route: RunRoute;
}

export function HeadsView({ result, busy, route }: HeadsViewProps) {
  const { tokens, now, before } = result;
  const attention = useMemo(() => (before ? change(now, before) : now), [now, before]);
  const scale = useMemo<HeadScale>(
    () => (before ? { kind: 'change', most: largest(attention) } : { kind: 'probability', most: 1 }),
    [attention, before],
  );
  const chosen = headIn(route.view.head, attention);
  const head = useMemo(() => headValues(attention, chosen), [attention, chosen.layer, chosen.head]);
  const choose = ({ layer, head: number }: HeadRef): void =>
    navigate({ ...route, view: { ...route.view, head: `${layer + 1}.${number + 1}` } }, { replace: true });
  return (
    <div class={busy ? 'heads-view busy' : 'heads-view'} aria-busy={busy}>
      <Panel title="All heads" note={`${attention.layers} layers of ${attention.heads} heads`}>
        <HeadThumbnails attention={attention} scale={scale} chosen={chosen} onChoose={choose} />
      </Panel>
      <EnlargedHead
        name={`Layer ${chosen.layer + 1}, head ${chosen.head + 1}`}
        head={head}
        texts={tokens.texts}
        scale={scale}
      />
    </div>
  );
}

/** Read a head such as `1.2` from the address; the first one otherwise. */
function headIn(text: string | undefined, { layers, heads }: { layers: number; heads: number }): HeadRef {
  const [layer = 1, head = 1] = (text ?? '').split('.').map(Number);
  const isThere = Number.isInteger(layer) && Number.isInteger(head) && layer >= 1 && head >= 1;
  return isThere && layer <= layers && head <= heads
    ? { layer: layer - 1, head: head - 1 }
    : { layer: 0, head: 0 };
}
