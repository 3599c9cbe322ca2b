/** A sample of a series' line. */
import type { Marker, SeriesStyle } from './seriesStyle.ts';

const SHAPES: Readonly<Record<Marker, string>> = {
  disc: 'M12 2.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z',
  square: 'M9 3h6v6H9z',
  triangle: 'M8.5 3h7L12 9.5z',
  diamond: 'M12 1.5 16.5 6 12 10.5 7.5 6z',
};

export interface KeyProps {
  readonly style: SeriesStyle;
  /** Show the marker, too. */
  readonly marker?: boolean;
}

export function Key({ style, marker = false }: KeyProps) {
  return (
    <svg
      class="key"
      viewBox="0 0 24 12"
      aria-hidden="true"
      focusable="false"
      style={{ color: `var(--${style.colour})` }}
    >
      <path class="line" d="M0 6h24" stroke-dasharray={style.dash.join(' ') || undefined} />
      {marker && <path class="marker" d={SHAPES[style.marker]} />}
    </svg>
  );
}
