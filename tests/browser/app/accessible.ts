/** Checks that everybody can use a page, by axe-core (the reference of automatic checks), its width, and the Tab key. */
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { walkThrough } from './keyboard.ts';

/** A phone, a laptop and a 4K screen. */
const WIDTHS = [360, 1440, 3840];

/** Expect no violations in both themes, no horizontal scrolling at any width, and everything within reach of the keyboard. */
export async function expectUsable(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect.soft(await violationsOf(page), `violations in ${colorScheme}`).toEqual([]);
  }
  const { reached, unmarked, expected } = await walkThrough(page);
  expect.soft(reached, 'reached by Tab').toEqual(expected);
  expect.soft(unmarked, 'focus without an outline').toEqual([]);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    expect.soft(await page.evaluate(overflow), `too wide at ${width} px`).toEqual([]);
  }
}

/** Return the violations of a page as it is: the rule, and the elements. */
async function violationsOf(page: Page): Promise<string[]> {
  // By the debugger, to which the content policy does not apply.
  await page.evaluate(axe.source);
  const results: AxeResults = await page.evaluate('axe.run()');
  return results.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(', ')}`,
  );
}

/** Runs in the page: the elements that make it scroll sideways; none if it does not. */
function overflow(): string[] {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  return [...document.body.querySelectorAll('*')]
    .filter((element) => element.getBoundingClientRect().right > clientWidth)
    .map(({ localName, className }) => `${localName}.${className}`);
}
