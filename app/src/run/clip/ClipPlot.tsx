/** The picture of clipping, with a cursor that the pointer and the keys move. */
import type { StepTrace } from 'mathformer/training';
import { useCallback, useMemo, useRef, useState } from 'preact/hooks';
import { Canvas, type Surface } from '../../charts/Canvas.tsx';
import { formatNumber } from '../../ui/format.ts';
import { visibleText, visibleToken } from '../../ui/visibleText.ts';
import { type ClipPoint, type ClippedRegion, extentOf, nearestPoint } from './clipPoints.ts';
import { type Scene, sceneOf, valuesAt } from './clipScene.ts';
import { drawClip } from './drawClip.ts';

const HEIGHT = 460;

export interface ClipPlotProps {
  readonly trace: StepTrace;
  readonly points: readonly ClipPoint[];
  readonly regions: readonly ClippedRegion[];
}

export function ClipPlot({ trace, points, regions }: ClipPlotProps) {
  // The keys go through the points by their log-ratio.
  const ordered = useMemo(() => points.toSorted((a, b) => a.logRatio - b.logRatio), [points]);
  const [chosen, setChosen] = useState<ClipPoint>();
  const scene = useRef<Scene | undefined>(undefined);
  const extent = useMemo(() => extentOf(points, regions), [points, regions]);
  const draw = useCallback(
    (surface: Surface) => {
      scene.current = sceneOf(surface.width, surface.height, extent);
      drawClip(surface, { scene: scene.current, points, regions, chosen });
    },
    [points, regions, extent, chosen],
  );
  const point = (event: PointerEvent): void => {
    if (!scene.current || !(event.currentTarget instanceof Element)) return;
    const { left, top } = event.currentTarget.getBoundingClientRect();
    const place = valuesAt(scene.current, event.clientX - left, event.clientY - top);
    setChosen(nearestPoint(points, place, extent));
  };
  const index = chosen ? ordered.indexOf(chosen) : -1;
  const keys = (event: KeyboardEvent): void => {
    const to = targetOf(event.key, index, ordered.length);
    if (to === undefined) return;
    event.preventDefault();
    setChosen(ordered[to]);
  };
  const text = chosen ? readout(trace, chosen) : 'Point at a token, or move to it with the arrow keys.';
  return (
    <>
      <div
        class="clip-plot"
        role="slider"
        tabIndex={0}
        aria-label="Tokens by log-ratio, cursor"
        aria-valuemin={1}
        aria-valuemax={Math.max(1, ordered.length)}
        aria-valuenow={Math.max(1, index + 1)}
        aria-valuetext={text}
        onKeyDown={keys}
      >
        <Canvas
          draw={draw}
          height={HEIGHT}
          label="Log-ratio and advantage of each traced token, with the clipped regions hatched"
          onPointerMove={point}
          onPointerDown={point}
        />
      </div>
      <p class={chosen ? 'clip-readout' : 'clip-readout quiet'}>{text}</p>
    </>
  );
}

/** Say everything about a point. */
export function readout(
  trace: StepTrace,
  { group, completion, token, logRatio, advantage, side }: ClipPoint,
): string {
  const { expression = '', completions } = trace.groups[group] ?? {};
  const text = completions?.[completion]?.texts[token];
  const name = text === undefined ? 'whole completion' : `token ${visibleToken(text)}`;
  const values = `r ${formatNumber(Math.exp(logRatio))}, log r ${formatNumber(logRatio)}, advantage ${formatNumber(advantage)}`;
  const place = `completion ${completion + 1} of ${visibleText(expression.trim())}`;
  return `${name} in ${place}: ${values}; ${side === null ? 'not clipped' : `clipped ${side}`}`;
}

/** Return the point that a key goes to. */
function targetOf(key: string, from: number, count: number): number | undefined {
  const far = Math.max(1, Math.round(count / 20));
  const targets: Readonly<Record<string, number>> = {
    ArrowRight: from + 1,
    ArrowUp: from + 1,
    ArrowLeft: from - 1,
    ArrowDown: from - 1,
    PageUp: from + far,
    PageDown: from - far,
    Home: 0,
    End: count - 1,
  };
  const target = targets[key];
  return target === undefined || count === 0 ? undefined : Math.min(Math.max(target, 0), count - 1);
}
