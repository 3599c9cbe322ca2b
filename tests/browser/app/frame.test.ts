/** The pages that need no run: accessible in both themes, no wider than the window, usable without a mouse. */
import { describeIn } from '../browsers.ts';
import { expectUsable } from './accessible.ts';
import { it, settled } from './page.ts';

const PAGES = ['#/lab', '#/runs', ...[1, 2, 3, 4, 5, 6].map((lesson) => `#/learn/${lesson}`), '#/nowhere'];

describeIn('chromium', () => {
  it.for(PAGES)('%s is usable by everybody', async (hash, { page, app }) => {
    await page.goto(app + hash);
    await settled(page);
    await expectUsable(page);
  });
});
