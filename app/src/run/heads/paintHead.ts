/** Paints a head, one pixel a value. */
import type { Palette, Rgb } from '../../charts/palette.ts';
import { type HeadValues, shrunk } from './attentionView.ts';

/**
 * The meaning of colours: probabilities from 0 to `most`, by their square root, so that small ones can be seen; or changes from
 * −most to most.
 */
export interface HeadScale {
  readonly kind: 'probability' | 'change';
  readonly most: number;
}

const LEVELS = 256;

/** Return the colour of a value. */
export function headColour(scale: HeadScale, value: number, palette: Palette): Rgb {
  return colourAt(scale, placeOf(scale, value), palette);
}

/** Return the place of a value on the scale of colours, 0 … 1. */
function placeOf({ kind, most }: HeadScale, value: number): number {
  const share = kind === 'change' ? (value / most + 1) / 2 : Math.sqrt(Math.max(0, value / most));
  return Math.min(Math.max(share, 0), 1);
}

function colourAt({ kind }: HeadScale, place: number, palette: Palette): Rgb {
  return kind === 'change' ? palette.diverging(2 * place - 1) : palette.sequential(place);
}

export interface PaintOptions {
  /** Most pixels of a side. */
  readonly side: number;
  readonly scale: HeadScale;
  readonly palette: Palette;
}

/** Paint a head on a canvas, which takes its size. Tokens that cannot be looked at stay clear. */
export function paintHead(
  canvas: HTMLCanvasElement,
  head: HeadValues,
  { side, scale, palette }: PaintOptions,
): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const { length, values } = shrunk(head, side);
  canvas.width = length;
  canvas.height = length;
  const image = context.createImageData(length, length);
  const colours = coloursOf(scale, palette);
  for (let i = 0; i < length; i++) {
    for (let j = 0; j <= i; j++) {
      const level = Math.round(placeOf(scale, values[i * length + j] ?? 0) * (LEVELS - 1));
      const [red, green, blue] = colours[level] ?? [0, 0, 0];
      image.data.set([red, green, blue, 255], 4 * (i * length + j));
    }
  }
  context.putImageData(image, 0, 0);
}

/** The colours of a scale, from its lowest value to its highest. */
function coloursOf(scale: HeadScale, palette: Palette): readonly Rgb[] {
  return Array.from({ length: LEVELS }, (_, level) => colourAt(scale, level / (LEVELS - 1), palette));
}
