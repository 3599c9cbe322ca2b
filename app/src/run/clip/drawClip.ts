/** Draws the picture of clipping on a canvas. */
import type { Surface } from '../../charts/Canvas.tsx';
import { css, type Palette } from '../../charts/palette.ts';
import { tickLabels } from '../../charts/tickLabels.ts';
import { type ClipPoint, type ClippedRegion, histogram } from './clipPoints.ts';
import { type Box, type Scene, ticksTo, xOf, yOf } from './clipScene.ts';

const BINS = 61;
const POINT = 3;
/** Distance of the lines that a clipped region is hatched with. */
const HATCH = 9;

export interface ClipPicture {
  readonly scene: Scene;
  readonly points: readonly ClipPoint[];
  readonly regions: readonly ClippedRegion[];
  readonly chosen: ClipPoint | undefined;
}

export function drawClip({ context, palette }: Surface, picture: ClipPicture): void {
  const { fontFamily } = getComputedStyle(document.body);
  context.font = `12px ${fontFamily}`;
  context.textBaseline = 'middle';
  for (const region of picture.regions) drawRegion(context, palette, picture.scene, region);
  drawAxes(context, palette, picture.scene);
  drawHistograms(context, palette, picture);
  // Clipped points lie on top: they are few.
  for (const point of picture.points)
    if (point.side === null) drawPoint(context, palette, picture.scene, point);
  for (const point of picture.points)
    if (point.side !== null) drawPoint(context, palette, picture.scene, point);
  for (const region of picture.regions) drawBorder(context, palette, picture.scene, region);
  if (picture.chosen) drawRing(context, palette, picture.scene, picture.chosen);
}

function boxOf(scene: Scene, { from, to, advantages }: ClippedRegion): Box {
  const [left, right] = [xOf(scene, from), xOf(scene, to)];
  const zero = yOf(scene, 0);
  const isPositive = advantages === 'positive';
  const top = isPositive ? scene.plot.top : zero;
  const bottom = isPositive ? zero : scene.plot.top + scene.plot.height;
  return { left, top, width: right - left, height: bottom - top };
}

function drawRegion(
  context: CanvasRenderingContext2D,
  palette: Palette,
  scene: Scene,
  region: ClippedRegion,
): void {
  const { left, top, width, height } = boxOf(scene, region);
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = css(palette.colour('warning-soft'));
  context.fillRect(left, top, width, height);
  context.strokeStyle = css(palette.colour('warning'), 0.28);
  context.beginPath();
  for (let x = left - height; x < left + width; x += HATCH) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

function drawBorder(
  context: CanvasRenderingContext2D,
  palette: Palette,
  scene: Scene,
  region: ClippedRegion,
): void {
  const { left, top, width, height } = boxOf(scene, region);
  const isRight = region.to === Number.POSITIVE_INFINITY;
  const x = isRight ? left : left + width;
  const isTop = region.advantages === 'positive';
  context.strokeStyle = css(palette.colour('warning'));
  context.lineWidth = 1.5;
  line(context, x, top, x, top + height);
  context.lineWidth = 1;
  const text = `r = ${region.label}`;
  const measured = context.measureText(text).width;
  // A label that has no room beyond the border stands before it.
  const fits = width > measured + 12;
  const isBehind = isRight === fits;
  const y = isTop ? top + 12 : top + height - 12;
  context.textAlign = isBehind ? 'start' : 'end';
  context.fillStyle = css(palette.colour('panel'), 0.85);
  context.fillRect(isBehind ? x + 3 : x - measured - 9, y - 9, measured + 6, 18);
  context.fillStyle = css(palette.colour('warning'));
  context.fillText(text, isBehind ? x + 6 : x - 6, y);
}

function drawAxes(context: CanvasRenderingContext2D, palette: Palette, scene: Scene): void {
  const { plot, extent } = scene;
  const bottom = plot.top + plot.height;
  context.strokeStyle = css(palette.colour('line'));
  context.fillStyle = css(palette.colour('ink-2'));
  const xTicks = ticksTo(extent.x, plot.width < 420 ? 2 : 4);
  const xLabels = tickLabels(xTicks);
  context.textAlign = 'center';
  for (const [i, tick] of xTicks.entries()) {
    const x = Math.round(xOf(scene, tick)) + 0.5;
    line(context, x, plot.top, x, bottom);
    context.fillText(xLabels[i] ?? '', x, bottom + 12);
  }
  const yTicks = ticksTo(extent.y, 3);
  const yLabels = tickLabels(yTicks);
  context.textAlign = 'end';
  for (const [i, tick] of yTicks.entries()) {
    const y = Math.round(yOf(scene, tick)) + 0.5;
    line(context, plot.left, y, plot.left + plot.width, y);
    context.fillText(yLabels[i] ?? '', plot.left - 6, y);
  }
  context.strokeStyle = css(palette.colour('edge'));
  line(context, xOf(scene, 0), plot.top, xOf(scene, 0), bottom);
  line(context, plot.left, yOf(scene, 0), plot.left + plot.width, yOf(scene, 0));
  context.textAlign = 'center';
  context.fillStyle = css(palette.colour('ink'));
  context.fillText('log r', plot.left + plot.width / 2, bottom + 32);
  context.save();
  context.translate(10, plot.top + plot.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText('advantage', 0, 0);
  context.restore();
}

/** Draw the counts of points. Nearly all ratios are 1, so that only logarithms of counts show the others. */
function drawHistograms(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { scene, points }: ClipPicture,
): void {
  const { above, right, extent } = scene;
  context.fillStyle = css(palette.colour('series-1'), 0.45);
  const barWidth = above.width / BINS;
  const ratios = bars(
    histogram(
      points.map(({ logRatio }) => logRatio),
      extent.x,
      BINS,
    ),
  );
  for (const [i, share] of ratios.entries()) {
    const height = above.height * share;
    context.fillRect(
      above.left + i * barWidth,
      above.top + above.height - height,
      Math.max(1, barWidth - 1),
      height,
    );
  }
  const barHeight = right.height / BINS;
  const advantages = bars(
    histogram(
      points.map(({ advantage }) => advantage),
      extent.y,
      BINS,
    ),
  );
  for (const [i, share] of advantages.entries()) {
    const top = right.top + right.height - (i + 1) * barHeight;
    context.fillRect(right.left, top, right.width * share, Math.max(1, barHeight - 1));
  }
}

/** Return the length of each bar as a share of the longest. */
function bars(counts: Uint32Array): Float64Array {
  const most = Math.log1p(Math.max(1, ...counts));
  return Float64Array.from(counts, (count) => Math.log1p(count) / most);
}

/** A disc, or a cross for a clipped token. */
function drawPoint(
  context: CanvasRenderingContext2D,
  palette: Palette,
  scene: Scene,
  point: ClipPoint,
): void {
  const [x, y] = [xOf(scene, point.logRatio), yOf(scene, point.advantage)];
  if (point.side === null) {
    context.fillStyle = css(palette.colour('series-1'), 0.5);
    context.beginPath();
    context.arc(x, y, POINT, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.strokeStyle = css(palette.colour('bad'));
  context.lineWidth = 1.75;
  line(context, x - POINT, y - POINT, x + POINT, y + POINT);
  line(context, x - POINT, y + POINT, x + POINT, y - POINT);
  context.lineWidth = 1;
}

function drawRing(context: CanvasRenderingContext2D, palette: Palette, scene: Scene, point: ClipPoint): void {
  context.strokeStyle = css(palette.colour('ink'));
  context.lineWidth = 2;
  context.beginPath();
  context.arc(xOf(scene, point.logRatio), yOf(scene, point.advantage), 2.5 * POINT, 0, 2 * Math.PI);
  context.stroke();
  context.lineWidth = 1;
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
