/** Draws lines with uPlot, in the colours of the style sheet. */
import uPlot from 'uplot';
import type { AlignedValue } from './align.ts';
import type { Range } from './chartGroup.ts';
import { drawMarker } from './markers.ts';
import { css, type Palette } from './palette.ts';
import { type PlotLine, plotData } from './plotLines.ts';
import type { ChartMark } from './series.ts';
import { tickLabels } from './tickLabels.ts';

/** The content of a plot. */
export interface PlotContent {
  readonly lines: readonly PlotLine[];
  readonly range: Range;
  readonly marks: readonly ChartMark[];
  readonly logarithmic: boolean;
  /** Values are shares: the scale ends at 0 and 1. */
  readonly share: boolean;
  readonly palette: Palette;
}

/** Called when a person uses the pointer. */
export interface PlotHandlers {
  /** The pointer is at this x, or has left. */
  readonly onCursor: (x: number | undefined) => void;
  /** A part was drawn open. */
  readonly onZoom: (range: Range) => void;
  readonly onReset: () => void;
  readonly onClick: () => void;
}

const FONT_PX = 12;
const AXIS_WIDTH = 52;
const AXIS_HEIGHT = 28;
/** Room for the half of the last label. */
const RIGHT = 24;
/** A pointer that moves less than this clicks, in CSS px. */
const CLICK_PX = 4;
const BAND_ALPHA = 0.16;
/** Marks that are nearer than this are drawn as one, in CSS px. */
const MARK_PX = 8;
const RAW_ALPHA = 0.28;

export class LinePlot {
  #plot: uPlot | undefined;
  /** The parts of the content that a plot is made for. */
  #made = '';
  #content: PlotContent | undefined;
  #cursor: number | undefined;
  /** The least and the greatest value that is drawn. */
  #values: Range | undefined;

  constructor(
    private readonly place: HTMLElement,
    private readonly handlers: PlotHandlers,
  ) {}

  /** Draw. @param width, height in CSS px. */
  draw(content: PlotContent, width: number, height: number): void {
    this.#content = content;
    const { lines, range, logarithmic } = content;
    const shape = `${logarithmic} ${lines.map(({ kind, series }) => `${kind} ${series.key} ${series.sparse}`)}`;
    const { x, y } = plotData(lines, range, Math.max(1, Math.floor(width - AXIS_WIDTH - RIGHT)), logarithmic);
    const data: uPlot.AlignedData = [x, ...y];
    this.#values = extremes(y);
    if (this.#plot && shape === this.#made) {
      if (this.#plot.width !== width || this.#plot.height !== height) this.#plot.setSize({ width, height });
      this.#plot.setData(data);
    } else {
      this.#plot?.destroy();
      this.#plot = new uPlot(this.#options(content, width, height), data, this.place);
      this.#made = shape;
    }
    this.showCursor(this.#cursor);
  }

  /** Put the cursor at an x; undefined hides it. */
  showCursor(x: number | undefined): void {
    this.#cursor = x;
    const plot = this.#plot;
    if (!plot) return;
    const left = x === undefined ? -1 : plot.valToPos(x, 'x');
    const inside = left >= 0 && left <= plot.over.clientWidth;
    plot.setCursor(inside ? { left, top: 0 } : { left: -10, top: -10 }, false);
  }

  /** The drawing, with its resolution. */
  get canvas(): HTMLCanvasElement | undefined {
    return this.#plot?.ctx.canvas;
  }

  destroy(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  /** The content as it is now: uPlot asks for colours and ranges whenever it draws. */
  #now(): PlotContent {
    if (!this.#content) throw new Error('the plot was asked to draw before it had content');
    return this.#content;
  }

  #options({ lines, logarithmic }: PlotContent, width: number, height: number): uPlot.Options {
    return {
      width,
      height,
      padding: [8, RIGHT, 0, 0],
      legend: { show: false },
      cursor: this.#cursorOptions(),
      scales: {
        x: { time: false, range: () => paddedRange(this.#now().range) },
        y: {
          distr: logarithmic ? 3 : 1,
          // uPlot would leave out the points beside what is shown, which lines lead to.
          range: () => yRange(this.#values, this.#now()),
        },
      },
      axes: [this.#axis('x', AXIS_HEIGHT, 72), this.#axis('y', AXIS_WIDTH, 32)],
      series: [{}, ...lines.map((_, i) => this.#series(i))],
      bands: lines.flatMap(({ kind }, i) =>
        kind === 'high'
          ? [{ series: [i + 1, i + 2] as [number, number], fill: () => this.#bandFill(i) }]
          : [],
      ),
      hooks: {
        setSelect: [(plot) => this.#selected(plot)],
        drawClear: [(plot) => this.#drawMarks(plot)],
        draw: [(plot) => this.#drawMarkers(plot)],
        ready: [(plot) => this.#listen(plot)],
      },
    };
  }

  #cursorOptions(): uPlot.Cursor {
    return {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { show: false },
      bind: {
        dblclick: () => () => {
          this.handlers.onReset();
          return null;
        },
      },
    };
  }

  #axis(scale: 'x' | 'y', size: number, space: number): uPlot.Axis {
    const { fontFamily } = getComputedStyle(this.place);
    const line = (): string => css(this.#now().palette.colour('line'));
    return {
      scale,
      size,
      space,
      gap: 6,
      font: `${FONT_PX}px ${fontFamily}`,
      stroke: () => css(this.#now().palette.colour('ink-2')),
      grid: { show: scale === 'y', stroke: line, width: 1 },
      ticks: { show: scale === 'x', stroke: line, width: 1, size: 4 },
      border: { show: scale === 'x', stroke: () => css(this.#now().palette.colour('edge')), width: 1 },
      // A logarithmic scale names only some of its lines.
      values: (_, values) => tickLabels(values, scale === 'y' && this.#now().share),
    };
  }

  #series(index: number): uPlot.Series {
    const line = this.#now().lines[index];
    if (!line) throw new RangeError(`no line has the index ${index}`);
    const { kind, series } = line;
    const isBand = kind === 'high' || kind === 'low';
    return {
      stroke: () => css(this.#colourOf(index), kind === 'raw' ? RAW_ALPHA : 1),
      width: isBand ? 0 : kind === 'raw' ? 1 : 1.75,
      dash: kind === 'line' ? series.style.dash.map((length) => length * devicePixelRatio) : [],
      points: { show: false },
    };
  }

  #colourOf(index: number): readonly [number, number, number] {
    const { lines, palette } = this.#now();
    return palette.colour(lines[index]?.series.style.colour ?? 'ink');
  }

  #bandFill(index: number): string {
    return css(this.#colourOf(index), BAND_ALPHA);
  }

  #selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < CLICK_PX) return;
    this.handlers.onZoom({ from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') });
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  /** Follow the pointer. uPlot's own event of the cursor comes after every drawing, too. */
  #listen(plot: uPlot): void {
    const { over } = plot;
    let pressed = 0;
    over.addEventListener('mousemove', ({ offsetX }) => this.handlers.onCursor(plot.posToVal(offsetX, 'x')));
    over.addEventListener('mouseleave', () => this.handlers.onCursor(undefined));
    over.addEventListener('mousedown', ({ clientX }) => {
      pressed = clientX;
    });
    over.addEventListener('click', ({ clientX }) => {
      if (Math.abs(clientX - pressed) < CLICK_PX) this.handlers.onClick();
    });
  }

  /** Draw a line with a flag at each mark, behind the series. */
  #drawMarks(plot: uPlot): void {
    const { marks, palette, range } = this.#now();
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = css(palette.colour('warning'));
    ctx.fillStyle = css(palette.colour('warning'));
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 2 * ratio]);
    let last = Number.NEGATIVE_INFINITY;
    for (const { x } of marks) {
      if (x < range.from || x > range.to) continue;
      const place = Math.round(plot.valToPos(x, 'x', true));
      if (place - last < MARK_PX * ratio) continue;
      last = place;
      ctx.beginPath();
      ctx.moveTo(place, bbox.top);
      ctx.lineTo(place, bbox.top + bbox.height);
      ctx.stroke();
      drawMarker(ctx, 'triangle', place, bbox.top, 3.5 * ratio);
    }
    ctx.restore();
  }

  /** Draw the points of sparse series, and those that stand alone between gaps: no line leads to them. */
  #drawMarkers(plot: uPlot): void {
    const { lines } = this.#now();
    const ratio = devicePixelRatio;
    const [xs] = plot.data;
    const { left, top, width, height } = plot.bbox;
    plot.ctx.save();
    // Half a marker may stand out, but none beside the plot.
    plot.ctx.beginPath();
    plot.ctx.rect(left - 4 * ratio, top - 4 * ratio, width + 8 * ratio, height + 8 * ratio);
    plot.ctx.clip();
    for (const [i, { kind, series }] of lines.entries()) {
      if (kind !== 'line') continue;
      plot.ctx.fillStyle = css(this.#colourOf(i));
      const ys = plot.data[i + 1] ?? [];
      for (const [j, y] of ys.entries()) {
        const x = xs[j];
        if (typeof y !== 'number' || x === undefined || !(series.sparse || isAlone(ys, j))) continue;
        const radius = (series.sparse ? 3.5 : 2) * ratio;
        const { marker } = series.style;
        drawMarker(plot.ctx, marker, plot.valToPos(x, 'x', true), plot.valToPos(y, 'y', true), radius);
      }
    }
    plot.ctx.restore();
  }
}

/** Tell whether no line leads to a point: its neighbours are gaps, or it has none. */
function isAlone(ys: ArrayLike<number | null | undefined>, index: number): boolean {
  const neighbour = (step: 1 | -1): number | null | undefined => {
    let at = index + step;
    // Where only other series have a point, the line goes on.
    while (at >= 0 && at < ys.length && ys[at] === undefined) at += step;
    return ys[at];
  };
  return typeof neighbour(-1) !== 'number' && typeof neighbour(1) !== 'number';
}

/** Give a single step some room. */
const paddedRange = ({ from, to }: Range): [number, number] =>
  from === to ? [from - 1, to + 1] : [from, to];

/** Return the least and the greatest value of all lines; undefined of none. */
function extremes(lines: readonly (readonly AlignedValue[])[]): Range | undefined {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const line of lines) {
    for (const value of line) {
      if (typeof value !== 'number') continue;
      from = Math.min(from, value);
      to = Math.max(to, value);
    }
  }
  return from <= to ? { from, to } : undefined;
}

/** Choose the range of y: a little more than the values take, no more than shares can be. */
function yRange(values: Range | undefined, { logarithmic, share }: PlotContent): [number, number] {
  if (!values) return logarithmic ? [0.1, 1] : [0, 1];
  const { from, to } = values;
  if (logarithmic) {
    const [least, greatest] = uPlot.rangeLog(from, to, 10, false);
    return [least ?? from, greatest ?? to];
  }
  const room = 0.06 * (to - from) || 0.1 * Math.abs(to) || (share ? 0.05 : 1);
  if (!share) return [from >= 0 && from < room ? 0 : from - room, to + room];
  return [Math.max(0, from - room), Math.min(1, to + room)];
}
