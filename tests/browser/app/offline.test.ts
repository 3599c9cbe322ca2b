/** The app on a plain file server, below a path: after the first visit it needs no network, and may share memory between threads. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { describeIn } from '../browsers.ts';
import { it } from './page.ts';

/** Open the Lab, and wait until the service worker keeps the app. */
async function visit(page: Page, app: string): Promise<void> {
  await page.goto(`${app}#/lab`);
  await page.locator('main h1').waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await page.locator('main h1').waitFor();
}

describeIn('chromium', () => {
  it('is isolated from the second load on', async ({ page, app }) => {
    await visit(page, app);
    expect(await page.evaluate('crossOriginIsolated')).toBe(true);
  });

  it('every page opens without a network', async ({ page, context, app }) => {
    await visit(page, app);
    await context.setOffline(true);
    for (const hash of ['#/lab', '#/runs', '#/learn/1', '#/learn/6']) {
      await page.goto(`${app}${hash}`);
      await page.reload();
      await page.locator('main h1').waitFor();
    }
  });

  it('its policy refuses scripts in the text of a page', async ({ page, app, problems }) => {
    await page.goto(`${app}#/lab`);
    await page.locator('main h1').waitFor();
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.hacked = true';
      document.body.append(script);
    });
    expect(await page.evaluate('globalThis.hacked')).toBeUndefined();
    expect(problems.splice(0)).toEqual([expect.stringMatching(/Content Security Policy/)]);
  });
});
