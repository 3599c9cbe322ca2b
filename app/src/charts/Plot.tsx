/** The drawing of a chart, and the keys that move its cursor and its zoom. */
import { effect } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { announce } from '../ui/live.tsx';
import { useWidth } from './Canvas.tsx';
import type { ChartGroup, Range } from './chartGroup.ts';
import { pressed } from './chartKeys.ts';
import { nearest } from './decimate.ts';
import { LinePlot } from './linePlot.ts';
import { palette } from './palette.ts';
import { plotLines, Smoother } from './plotLines.ts';
import { readout } from './readout.ts';
import { type ChartMark, type ChartSeries, extentOf } from './series.ts';

/** Height of the drawing in CSS px. */
const HEIGHT = 180;

export interface PlotProps {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly marks: readonly ChartMark[];
  readonly domain: Range | undefined;
  readonly group: ChartGroup;
  readonly share: boolean;
  readonly smoothing: number;
  readonly logarithmic: boolean;
  readonly xLabel: string;
  readonly formatY: (value: number) => string;
  readonly onSelect: ((x: number) => void) | undefined;
  /** Takes the canvas, for export. */
  readonly canvas: { current: HTMLCanvasElement | undefined };
}

const formatX = (value: number): string => value.toLocaleString('en');

export function Plot(props: PlotProps) {
  const { title, series, marks, domain, group, share, smoothing, logarithmic, xLabel, formatY } = props;
  const { onSelect, canvas } = props;
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const isInView = useInView(place);
  const [smoother] = useState(() => new Smoother());
  const latest = useLatest({ series, onSelect });
  const plot = usePlot(place, group, latest);
  const lines = useMemo(() => plotLines(series, smoother, smoothing), [series, smoother, smoothing]);
  const colours = palette.value;
  const zoom = group.zoom.value;
  useEffect(() => {
    if (!plot || !isInView || width === 0) return;
    const frame = requestAnimationFrame(() => {
      const range = zoom ?? domain ?? extentOf(series) ?? { from: 0, to: 1 };
      plot.draw({ lines, range, marks, logarithmic, share, palette: colours }, width, HEIGHT);
      canvas.current = plot.canvas;
    });
    return () => cancelAnimationFrame(frame);
  }, [plot, isInView, width, zoom, domain, series, lines, marks, logarithmic, share, colours, canvas]);
  const { from, to } = extentOf(series) ?? { from: 0, to: 0 };
  useEffect(
    () =>
      effect(() => {
        const now = group.cursor.value ?? to;
        place.current?.setAttribute('aria-valuenow', String(now));
        place.current?.setAttribute('aria-valuetext', readout(series, marks, now, xLabel, formatY));
      }),
    [group, series, marks, to, xLabel, formatY],
  );
  return (
    <div
      ref={place}
      class="plot"
      style={{ height: `${HEIGHT}px` }}
      role="slider"
      tabIndex={0}
      aria-label={`${title}, cursor`}
      aria-valuemin={from}
      aria-valuemax={to}
      // The effect above keeps it; the cursor moves without drawing the component again.
      aria-valuenow={group.cursor.peek() ?? to}
      onKeyDown={(event) => pressKey(event, series, group, xLabel, onSelect)}
    />
  );
}

function pressKey(
  event: KeyboardEvent,
  series: readonly ChartSeries[],
  group: ChartGroup,
  xLabel: string,
  onSelect: PlotProps['onSelect'],
): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const cursor = group.cursor.peek();
  const before = group.zoom.peek();
  if (event.key === 'Enter' && cursor !== undefined && onSelect) {
    event.preventDefault();
    onSelect(cursor);
    return;
  }
  const result = pressed(event.key, { places: placesOf(series), cursor, zoom: before });
  if (!result) return;
  event.preventDefault();
  group.cursor.value = result.cursor;
  group.zoom.value = result.zoom;
  if (result.zoom !== before) announce(rangeText(result.zoom, xLabel));
}

const rangeText = (zoom: Range | undefined, xLabel: string): string =>
  zoom ? `${xLabel} ${formatX(Math.ceil(zoom.from))} to ${formatX(Math.floor(zoom.to))}` : `every ${xLabel}`;

/** Return the x of the series that has most points. */
function placesOf(series: readonly ChartSeries[]): Float64Array {
  return series.reduce<Float64Array>(
    (most, { x }) => (x.length > most.length ? x : most),
    new Float64Array(),
  );
}

/** Return the step that is nearest to a place. Sparse series have values at few steps, but the cursor goes to all. */
function snapped(series: readonly ChartSeries[], x: number): number | undefined {
  const dense = series.filter(({ sparse }) => !sparse);
  if (dense.length === 0) return Math.round(x);
  const places = placesOf(dense);
  return places[nearest(places, x)];
}

/** Return a holder of the value of the last render, for handlers that are made once. */
function useLatest<Value>(value: Value): { readonly current: Value } {
  const latest = useRef(value);
  latest.current = value;
  return latest;
}

/** Make a plot in a place, and link its cursor with the group's. */
function usePlot(
  place: { readonly current: HTMLElement | null },
  group: ChartGroup,
  latest: { readonly current: Pick<PlotProps, 'series' | 'onSelect'> },
): LinePlot | undefined {
  const [plot, setPlot] = useState<LinePlot>();
  useEffect(() => {
    if (!place.current) return;
    const made = new LinePlot(place.current, {
      onCursor: (x) => {
        group.cursor.value = x === undefined ? undefined : snapped(latest.current.series, x);
      },
      onZoom: (range) => {
        group.zoom.value = range;
      },
      onReset: () => {
        group.zoom.value = undefined;
      },
      onClick: () => {
        const x = group.cursor.peek();
        if (x !== undefined) latest.current.onSelect?.(x);
      },
    });
    setPlot(made);
    const end = group.cursor.subscribe((x) => made.showCursor(x));
    return () => {
      end();
      made.destroy();
    };
  }, [place, group, latest]);
  return plot;
}

/** Tell whether an element is near what is in view: what is not need not be drawn. */
function useInView(element: { readonly current: Element | null }): boolean {
  const [isInView, setIsInView] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver(([entry]) => setIsInView(entry?.isIntersecting ?? false), {
      rootMargin: '200px',
    });
    observer.observe(element.current);
    // All of the page is printed.
    const show = (): void => setIsInView(true);
    addEventListener('beforeprint', show);
    return () => {
      observer.disconnect();
      removeEventListener('beforeprint', show);
    };
  }, [element]);
  return isInView;
}
