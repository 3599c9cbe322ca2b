import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../../../app/src/styles/tokens.css', import.meta.url), 'utf8');
const PAIR = /--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g;
const pairs = [...css.matchAll(PAIR)].map(
  ([, name = '', light = '', dark = '']) => [name, { light, dark }] as const,
);
const palette = new Map(pairs);
type Scheme = 'light' | 'dark';

type Rgb = readonly [number, number, number];

function rgb(name: string, scheme: Scheme): Rgb {
  const hex = palette.get(name)?.[scheme] ?? '';
  const channel = (at: number): number => Number.parseInt(hex.slice(at, at + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

const linear = (value: number): number => {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
};

/** Contrast of WCAG 2.2: (L₁ + 0.05) / (L₂ + 0.05) of the relative luminances. */
function contrast(a: string, b: string, scheme: Scheme): number {
  const [light = 0, dark = 0] = [a, b]
    .map((name) => rgb(name, scheme).map(linear))
    .map(([red = 0, green = 0, blue = 0]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue)
    .sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

/** Colours of people without one kind of cones: Viénot, Brettel and Mollon (1999), in linear RGB. */
const VISION = {
  trichromat: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanope: [
    [0.1124, 0.8876, 0],
    [0.1124, 0.8876, 0],
    [0.004, -0.004, 1],
  ],
  deuteranope: [
    [0.2927, 0.7073, 0],
    [0.2927, 0.7073, 0],
    [-0.0223, 0.0223, 1],
  ],
} as const;

/** A colour in OKLab (Ottosson 2020), as somebody sees it. */
function seen(name: string, scheme: Scheme, vision: keyof typeof VISION): readonly number[] {
  const channels = rgb(name, scheme).map(linear);
  const [r = 0, g = 0, b = 0] = VISION[vision].map((row) =>
    row.reduce<number>((sum, weight, i) => sum + weight * (channels[i] ?? 0), 0),
  );
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));

const GROUNDS = ['paper', 'panel', 'well', 'hover'];
const TEXTS = ['ink', 'ink-2', 'ink-3', 'link', 'signal', 'good', 'warning', 'bad', 'info'];
const SOFT = ['good', 'warning', 'bad', 'info', 'signal'];
const SERIES = Array.from({ length: 8 }, (_, i) => `series-${i + 1}`);

describe.each(['light', 'dark'] as const)('the %s palette', (scheme) => {
  it.each(TEXTS.flatMap((text) => GROUNDS.map((ground) => [text, ground] as const)))(
    'sets text of %s on %s with a contrast of 4.5',
    (text, ground) => {
      // Text that may be skipped does not stand on a row under the pointer.
      if (text === 'ink-3' && ground === 'hover') return;
      expect(contrast(text, ground, scheme)).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(SOFT)('sets %s on its soft ground with a contrast of 4.5', (name) => {
    expect(contrast(name, `${name}-soft`, scheme)).toBeGreaterThanOrEqual(4.5);
  });

  it('sets text on the signal, and on a selected row', () => {
    expect(contrast('on-signal', 'signal', scheme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast('on-signal', 'signal-hover', scheme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast('ink', 'signal-soft', scheme)).toBeGreaterThanOrEqual(4.5);
    expect(contrast('ink-2', 'signal-soft', scheme)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['edge', 'focus', ...SERIES])('draws %s with a contrast of 3', (name) => {
    for (const ground of ['paper', 'panel']) {
      expect(contrast(name, ground, scheme)).toBeGreaterThanOrEqual(3);
    }
  });

  it.each(['trichromat', 'protanope', 'deuteranope'] as const)(
    'tells neighbouring series apart for a %s',
    (vision) => {
      for (const [i, name] of SERIES.entries()) {
        const next = SERIES[i + 1];
        if (!next) continue;
        const between = distance(seen(name, scheme, vision), seen(next, scheme, vision));
        expect(between, `${name} and ${next}`).toBeGreaterThan(0.08);
      }
    },
  );

  it.each(['trichromat', 'protanope', 'deuteranope'] as const)(
    'scales are even and ordered for a %s',
    (vision) => {
      const lightness = (name: string): number => seen(name, scheme, vision)[0] ?? 0;
      const up = scheme === 'dark' ? 1 : -1;
      for (let stop = 0; stop < 4; stop++) {
        const step = up * (lightness(`sequential-${stop + 1}`) - lightness(`sequential-${stop}`));
        expect(step, `sequential ${stop}`).toBeGreaterThan(0.05);
      }
      // Both ends of the diverging scale leave its middle, and differ from each other.
      for (const [middle, end] of [
        [1, 0],
        [3, 4],
      ]) {
        const towards = up * (lightness(`diverging-${end}`) - lightness(`diverging-${middle}`));
        expect(towards, `diverging ${end}`).toBeGreaterThan(0.05);
      }
      expect(
        distance(seen('diverging-0', scheme, vision), seen('diverging-4', scheme, vision)),
      ).toBeGreaterThan(0.1);
    },
  );
});
