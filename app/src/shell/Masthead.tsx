/** The head of every page: the name, the ways, the connection and the theme. */
import { useEffect, useState } from 'preact/hooks';
import type { Connection } from '../data/source.ts';
import { IconButton } from '../ui/Button.tsx';
import type { IconName } from '../ui/Icon.tsx';
import './masthead.css';
import { background } from './background.ts';
import { route } from './navigation.ts';
import { formatRoute, type Route } from './routes.ts';
import { sources } from './sources.ts';
import { THEMES, type Theme, theme } from './theme.ts';

const LINKS: readonly {
  readonly label: string;
  readonly to: Route;
  readonly pages: readonly Route['page'][];
}[] = [
  { label: 'Lab', to: { page: 'lab', settings: {} }, pages: ['lab'] },
  { label: 'Runs', to: { page: 'runs', filter: '', compare: [] }, pages: ['runs', 'run'] },
  { label: 'Learn', to: { page: 'learn', lesson: 1 }, pages: ['learn'] },
];

export function Masthead() {
  return (
    <header class="masthead">
      <a class="wordmark" href="#/" aria-label="mathformer, first page">
        <Mark />
        mathformer
      </a>
      <nav aria-label="Pages">
        <ul>
          {LINKS.map(({ label, to, pages }) => (
            <li key={label}>
              <a
                href={formatRoute(to)}
                data-label={label}
                aria-current={isCurrent(pages) ? 'page' : undefined}
              >
                {label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <Background />
      <ConnectionState />
      <ThemeSwitch />
    </header>
  );
}

const isCurrent = (pages: readonly Route['page'][]): boolean =>
  pages.some((page) => page === route.value?.page);

/** The mark: a causal attention pattern of four tokens. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d="M0 0h3v3H0zM0 4.33h3v3H0zM4.33 4.33h3v3h-3zM0 8.67h3v3H0zM8.67 8.67h3v3h-3zM4.33 13h3v3h-3zM13 13h3v3h-3z" />
      <path class="accent" d="M4.33 8.67h3v3h-3z" />
    </svg>
  );
}

const THEME_ICONS: Readonly<Record<Theme, IconName>> = { system: 'system', light: 'sun', dark: 'moon' };

function ThemeSwitch() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
  return (
    <IconButton
      icon={THEME_ICONS[theme.value]}
      label={`Theme: ${theme.value}. Switch to ${next}`}
      onClick={() => {
        theme.value = next;
      }}
    />
  );
}

/** Work that goes on while another page is shown. */
function Background() {
  const work = background.value;
  if (!work) return null;
  return (
    <a class="connection" href={work.href}>
      {work.label}
    </a>
  );
}

/** The state of the connection to the server; nothing where runs do not change. */
function ConnectionState() {
  const server = sources.value.get('server');
  const [state, setState] = useState<Connection>('static');
  useEffect(() => server?.connection(setState), [server]);
  if (state === 'static') return null;
  return (
    <span class={`connection ${state}`} role="status">
      {state === 'live' ? 'Live' : 'Connecting again'}
    </span>
  );
}
