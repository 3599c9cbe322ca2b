/** The theme: light, dark, or the system's. The choice is remembered. */
import { computed, effect, signal } from '@preact/signals';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'mathformer.theme';
const darkSystem = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(darkSystem.matches);
darkSystem.addEventListener('change', ({ matches }) => {
  systemIsDark.value = matches;
});

/** The theme that the person chose. */
export const theme = signal<Theme>(remembered());

/** True while the dark colours are shown. */
export const isDark = computed(() =>
  theme.value === 'system' ? systemIsDark.value : theme.value === 'dark',
);

// The style sheet chooses the colours by this attribute; without it, by the system's scheme.
effect(() => {
  const { dataset } = document.documentElement;
  if (theme.value === 'system') delete dataset.theme;
  else dataset.theme = theme.value;
  remember(theme.value);
});

function remembered(): Theme {
  const kept = storage()?.getItem(KEY);
  return THEMES.find((name) => name === kept) ?? 'system';
}

function remember(chosen: Theme): void {
  try {
    if (chosen === 'system') storage()?.removeItem(KEY);
    else storage()?.setItem(KEY, chosen);
  } catch {
    // A full storage forgets the choice, nothing more.
  }
}

/** Return the browser's storage; undefined where the person does not allow it. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
