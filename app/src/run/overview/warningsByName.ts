/** Puts warnings that say the same together. */
import type { RunWarning } from '../../data/runData.ts';

/** The warnings of one name, in the order of steps. */
export interface NamedWarnings {
  readonly name: string;
  readonly first: RunWarning;
  readonly latest: RunWarning;
  readonly count: number;
}

/** Return the warnings of each name; those that came last come first. */
export function warningsByName(warnings: readonly RunWarning[]): readonly NamedWarnings[] {
  const named = new Map<string, NamedWarnings>();
  for (const warning of warnings) {
    const { name } = warning;
    const { first, count } = named.get(name) ?? { first: warning, count: 0 };
    named.set(name, { name, first, latest: warning, count: count + 1 });
  }
  return [...named.values()].sort((a, b) => b.latest.step - a.latest.step);
}
