/** Icons on a grid of 16 units, drawn with one weight of line. They decorate: the text beside them, or a label, says the same. */
import './icon.css';

const PATHS = {
  play: 'M4.5 2.75v10.5l8.5-5.25z',
  pause: 'M5 3v10M11 3v10',
  step: 'M3.5 3v10l6.5-5zM12.5 3v10',
  reset: 'M3 8a5 5 0 1 0 1.6-3.7M3 2.5v3h3',
  download: 'M8 2.5v8M4.5 7.25 8 10.75l3.5-3.5M2.75 13.5h10.5',
  upload: 'M8 10.75v-8M4.5 6 8 2.5 11.5 6M2.75 13.5h10.5',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'M3 8.5 6.5 12 13 4.5',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  search: 'M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM10.2 10.2l3.6 3.6',
  left: 'M10 3 5 8l5 5',
  right: 'M6 3l5 5-5 5',
  down: 'M3 6l5 5 5-5',
  up: 'M3 10l5-5 5 5',
  link: 'M6.5 9.5l3-3M7.5 4.5l1.7-1.7a2.8 2.8 0 0 1 4 4L11.5 8.5M8.5 11.5l-1.7 1.7a2.8 2.8 0 0 1-4-4L4.5 7.5',
  table: 'M2.5 3h11v10h-11zM2.5 6.5h11M6.5 3v10',
  chart: 'M2.5 2.5v11h11M4.5 10.5l3-4 2.5 2 3.5-5',
  warning: 'M8 2.25 14.25 13.5H1.75zM8 6.5v3.25M8 11.25v.75',
  info: 'M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM8 7.25v4M8 4.75v.75',
  error: 'M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM8 4.75v4M8 10.5v.75',
  code: 'M5.5 4 2 8l3.5 4M10.5 4 14 8l-3.5 4',
  drop: 'M2.5 5V2.5h11V5M2.5 11v2.5h11V11M8 4.5v7M5 8.75 8 11.5l3-2.75',
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  sun: 'M10.75 8a2.75 2.75 0 1 1-5.5 0 2.75 2.75 0 0 1 5.5 0zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13 9.75A5.5 5.5 0 1 1 6.25 3a4.5 4.5 0 0 0 6.75 6.75z',
  system: 'M2 3h12v8.5H2zM5.5 14h5',
  dot: 'M8 5.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z',
  image: 'M2.5 3h11v10h-11zM2.5 11l3.5-3.5 3 3 2-2 2.5 2.5M10.25 5.75h.5',
  log: 'M2.5 2.5v11h11M4.5 11.5c5 0 8-2 8-8.5',
  settings: 'M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M10 3v3M6 10v3',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
