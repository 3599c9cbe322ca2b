/** Measure reads per second in the browsers that are installed. */
import { rm } from 'node:fs/promises';
import { BROWSERS, type BrowserName, installed, launch } from '../tests/browser/browsers.ts';
import { bundlePage } from '../tests/browser/bundle.ts';
import { serve } from '../tests/browser/server.ts';

const PAGE = 'bench/readsInPage.ts';
const READS = 200;

/** Milliseconds of a small read after a small dispatch, in one browser. */
export interface ReadTime {
  readonly browser: BrowserName;
  readonly milliseconds: number;
}

/** Time small reads in each browser that is installed, on the software driver that it has. */
export async function measureReads(): Promise<readonly ReadTime[]> {
  const directory = await bundlePage([PAGE]);
  const server = await serve([{ path: '/', directory }]);
  try {
    const times: ReadTime[] = [];
    for (const browser of BROWSERS) {
      if (installed(browser) !== undefined)
        times.push({ browser, milliseconds: await readTime(browser, server.origin) });
    }
    return times;
  } finally {
    await server.close();
    await rm(directory, { recursive: true });
  }
}

async function readTime(name: BrowserName, origin: string): Promise<number> {
  const browser = await launch(name);
  try {
    const tab = await browser.newPage();
    await tab.goto(`${origin}/index.html`);
    const script = `/${PAGE.replace(/\.ts$/, '.js')}`;
    const seconds = await tab.evaluate(`import('${script}').then(({ run }) => run(${READS}))`);
    return (Number(seconds) / READS) * 1000;
  } finally {
    await browser.close();
  }
}
