/** Saves a chart as values or as a picture. */

import { saveFile } from '../ui/saveFile.ts';
import { type ChartContent, chartCsv } from './chartCsv.ts';
import { css, palette } from './palette.ts';

/** Let the person save a chart's values. */
export function saveCsv(content: ChartContent): void {
  saveFile(new Blob([chartCsv(content)], { type: 'text/csv' }), `${fileName(content)}.csv`);
}

/** Let the person save a chart's picture, with its title and the names of its series. */
export function savePng(canvas: HTMLCanvasElement | undefined, content: ChartContent): void {
  if (!canvas) return;
  pictureOf(canvas, content).toBlob((blob) => {
    if (blob) saveFile(blob, `${fileName(content)}.png`);
  });
}

const fileName = ({ title }: ChartContent): string => title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

/** Sizes of the picture's head, in CSS px. */
const HEAD = 52;
const MARGIN = 12;

function pictureOf(plot: HTMLCanvasElement, { title, unit, series }: ChartContent): HTMLCanvasElement {
  const ratio = devicePixelRatio;
  const picture = document.createElement('canvas');
  picture.width = plot.width + 2 * MARGIN * ratio;
  picture.height = plot.height + (HEAD + MARGIN) * ratio;
  const context = picture.getContext('2d');
  if (!context) return picture;
  const { colour } = palette.peek();
  const { fontFamily } = getComputedStyle(document.body);
  context.fillStyle = css(colour('panel'));
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(plot, MARGIN * ratio, HEAD * ratio);
  context.scale(ratio, ratio);
  context.textBaseline = 'middle';
  context.fillStyle = css(colour('ink'));
  context.font = `600 15px ${fontFamily}`;
  context.fillText(unit ? `${title}, ${unit}` : title, MARGIN, 18);
  context.font = `12px ${fontFamily}`;
  let x = MARGIN;
  for (const { label, style } of series) {
    context.strokeStyle = css(colour(style.colour));
    context.lineWidth = 2;
    context.setLineDash([...style.dash]);
    context.beginPath();
    context.moveTo(x, 38);
    context.lineTo(x + 24, 38);
    context.stroke();
    context.fillText(label, x + 30, 38);
    x += 46 + context.measureText(label).width;
  }
  return picture;
}
