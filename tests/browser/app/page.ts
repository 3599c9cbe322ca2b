/** Pages of Chromium whose faults fail the test that opened them: errors, violations of the content policy, requests to strangers. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { launchChromium } from '../browsers.ts';
import { type FileServer, serve } from '../server.ts';

/** The app below a path of a plain file server, as GitHub Pages serves it. */
export const serveApp = (): Promise<FileServer> => serve([{ path: '/mathformer/', directory: 'dist/app' }]);

/** Addresses that may not exist: whether a dashboard serves the app is asked, and for files that a run may not have. */
const ASKED = /\/api\/runs(\/[^/]+\/files\/.+)?$/;

/** Wait until a page is drawn, and computes nothing more. */
export async function settled(page: Page): Promise<void> {
  await page.locator('main h1').waitFor();
  await page.waitForLoadState('networkidle');
  await expect.poll(() => page.locator('[aria-busy="true"], main .loading').count()).toBe(0);
}

interface Fixtures {
  /** Chromium, started once a file. */
  readonly browser: Browser;
  /** The app on a plain file server: the address of its first page, which ends with a slash. */
  readonly app: string;
  /** Options of the context. */
  readonly options: BrowserContextOptions;
  /** A new profile: no storage is shared with other tests. */
  readonly context: BrowserContext;
  /** Faults of all pages of the context. Those that a test expects it takes out: `problems.splice(0)`. */
  readonly problems: string[];
  /** A page of the context. */
  readonly page: Page;
}

/** Declare a test on a page of Chromium. */
export const it = test.extend<Fixtures>({
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the fixtures that one needs from its parameter
    async ({}, use) => {
      const browser = await launchChromium();
      await use(browser);
      await browser.close();
    },
    { scope: 'file' },
  ],
  app: [
    // biome-ignore lint/correctness/noEmptyPattern: as above
    async ({}, use) => {
      const server = await serveApp();
      await use(`${server.origin}/mathformer/`);
      await server.close();
    },
    { scope: 'file' },
  ],
  options: {},
  // biome-ignore lint/correctness/noEmptyPattern: as above
  problems: async ({}, use) => {
    const problems: string[] = [];
    await use(problems);
    expect(problems).toEqual([]);
  },
  context: async ({ browser, options, problems }, use) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    context.setDefaultTimeout(30_000);
    context.on('page', (page) => watch(page, problems));
    await use(context);
    await context.close();
  },
  page: async ({ context }, use) => {
    await use(await context.newPage());
  },
});

/** Collect the faults of a page and of its workers. A violation of the content policy is an error in the console. */
function watch(page: Page, problems: string[]): void {
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const { url } = message.location();
    // The browser reports every 404.
    if (!ASKED.test(url)) problems.push(`console: ${message.text()} (${url})`);
  });
  page.on('request', (request) => {
    const address = new URL(request.url());
    const isOwn = address.hostname === '127.0.0.1' || ['blob:', 'data:'].includes(address.protocol);
    if (!isOwn) problems.push(`request to a stranger: ${address}`);
  });
}
