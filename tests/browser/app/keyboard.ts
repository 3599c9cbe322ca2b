/** Walks through a page by the Tab key. */
import { isDeepStrictEqual } from 'node:util';
import type { Page } from 'playwright-core';

/** The elements that the Tab key should reach, each as the name of its kind and its text. */
export interface Walk {
  readonly reached: readonly string[];
  /** Elements without an outline while the keyboard is on them. */
  readonly unmarked: readonly string[];
}

/** Number of stops after which a walk is given up. */
const MOST_STOPS = 400;

/** Declare `nameOf` and `operable` in the page, once. */
const IN_PAGE = `
  globalThis.nameOf ??= (element) => {
    const text = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
    return element.localName + ' ' + text.trim().replace(/\\s+/g, ' ').slice(0, 60);
  };
  /* A group of radio buttons is one stop: the button that is chosen. */
  globalThis.operable ??= () => [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]',
  )].filter((element) =>
    element.tabIndex >= 0 && !element.disabled && element.checkVisibility({ visibilityProperty: true }) &&
    !element.closest('[inert]') &&
    (element.type !== 'radio' || element.checked),
  );
`;

/** Return the elements that a person may operate, in the order of the document. */
async function operable(page: Page): Promise<string[]> {
  await page.evaluate(IN_PAGE);
  return page.evaluate('operable().map(nameOf)');
}

/** Times that a walk is begun anew, as the page showed more meanwhile. */
const MOST_WALKS = 3;

/** Walk through a page that does not change meanwhile, and return what a person may operate, too. */
export async function walkThrough(page: Page): Promise<Walk & { readonly expected: readonly string[] }> {
  let expected = await operable(page);
  for (let walks = 1; ; walks++) {
    const walked = await walk(page);
    const now = await operable(page);
    if (walks === MOST_WALKS || isDeepStrictEqual(now, expected)) return { ...walked, expected: now };
    expected = now;
  }
}

/** Press Tab from the page's start until the focus leaves it. */
async function walk(page: Page): Promise<Walk> {
  await page.evaluate(IN_PAGE);
  await page.evaluate('document.activeElement?.blur()');
  const reached: string[] = [];
  const unmarked: string[] = [];
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    await page.keyboard.press('Tab');
    const at: { name: string; isMarked: boolean } | null = await page.evaluate(`(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const { outlineStyle, boxShadow } = getComputedStyle(element);
      return { name: nameOf(element), isMarked: outlineStyle !== 'none' || boxShadow !== 'none' };
    })()`);
    if (!at) break;
    reached.push(at.name);
    if (!at.isMarked) unmarked.push(at.name);
  }
  return { reached, unmarked };
}
