/** The palette of the style sheet for canvases. */
import { computed, type ReadonlySignal } from '@preact/signals';
import { isDark } from '../shell/theme.ts';

/** Colours as RGB, 0 … 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

const STOPS = [0, 1, 2, 3, 4];

/** The colours that are shown now. Whoever reads the signal is told when the theme changes. */
export interface Palette {
  /** Return a custom property of the style sheet, such as `ink` or `series-1`. */
  colour(name: string): Rgb;
  /** Return a colour of the sequential scale. @param share 0 (nothing) … 1 (much). */
  sequential(share: number): Rgb;
  /** Return a colour of the diverging scale. @param value −1 … 1; 0 is neutral. */
  diverging(value: number): Rgb;
}

export const palette: ReadonlySignal<Palette> = computed(() => {
  // The value is not used: it only says that the colours are others now.
  void isDark.value;
  return readPalette();
});

/** Write a colour as CSS has it. @param alpha 0 … 1. */
export const css = ([red, green, blue]: Rgb, alpha = 1): string => `rgb(${red} ${green} ${blue} / ${alpha})`;

/** Return black or white, whichever has the higher contrast on a colour. */
export function inkOn(ground: Rgb): Rgb {
  const light = luminance(ground);
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? [0, 0, 0] : [255, 255, 255];
}

/** Relative luminance of sRGB, 0 … 1 (WCAG 2.2). */
export function luminance([red, green, blue]: Rgb): number {
  const [r = 0, g = 0, b = 0] = [red, green, blue].map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Interpolate between stops that are spread evenly over 0 … 1. */
export function interpolate(stops: readonly Rgb[], share: number): Rgb {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const index = Math.min(Math.floor(place), stops.length - 2);
  const [from, to] = [stops[index], stops[index + 1]];
  if (!from || !to) return from ?? [0, 0, 0];
  const mix = (i: 0 | 1 | 2): number => Math.round(from[i] + (place - index) * (to[i] - from[i]));
  return [mix(0), mix(1), mix(2)];
}

function readPalette(): Palette {
  const probe = document.createElement('span');
  const read = (name: string): Rgb => {
    // Only the browser knows which of a property's two colours is shown.
    document.body.append(probe);
    probe.style.color = `var(--${name})`;
    const [red = 0, green = 0, blue = 0] =
      getComputedStyle(probe)
        .color.match(/[\d.]+/g)
        ?.map(Number) ?? [];
    probe.remove();
    return [red, green, blue];
  };
  const known = new Map<string, Rgb>();
  const sequential = STOPS.map((stop) => read(`sequential-${stop}`));
  const diverging = STOPS.map((stop) => read(`diverging-${stop}`));
  return {
    colour(name) {
      const colour = known.get(name) ?? read(name);
      known.set(name, colour);
      return colour;
    },
    sequential: (share) => interpolate(sequential, share),
    diverging: (value) => interpolate(diverging, (value + 1) / 2),
  };
}
