/**
 * `npm run app:bench`: measure how long charts of long runs take, in Chromium. First paint is from the call to the painted
 * frame; an append is the processor time that the page's thread takes for it, script, layout and painting together.
 */
import { fileURLToPath } from 'node:url';
import { type CDPSession, chromium } from 'playwright-core';
import { createServer } from 'vite';
import type { BenchPage } from './page.tsx';

declare const window: { readonly bench: BenchPage };

const ROWS = 100_000;
const APPENDS = 100;

const server = await createServer({
  configFile: fileURLToPath(new URL('../vite.config.ts', import.meta.url)),
  server: { host: '127.0.0.1' },
  logLevel: 'error',
});
await server.listen();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 1600 } });
  await page.goto(`${server.resolvedUrls?.local[0]}bench/index.html`);
  await page.waitForFunction(() => 'bench' in window);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const first = await page.evaluate((rows) => window.bench.drawCharts(rows), ROWS);
  report(`8 charts of ${ROWS.toLocaleString('en')} rows, first paint`, first);
  const append = await workOf(session, () =>
    page.evaluate((count) => window.bench.appendRows(count), APPENDS),
  );
  report('8 charts, append of a row', append / APPENDS);
  const run = await page.evaluate((rows) => window.bench.openRun(rows), ROWS);
  report(`Overview of ${run.megabytes.toFixed(0)} MB of metrics, first curves`, run.first);
  report('Overview, all rows read and drawn', run.all);
  const more = await workOf(session, () =>
    page.evaluate((count) => window.bench.appendToRun(count), APPENDS),
  );
  report('Overview, append of a row', more / APPENDS);
} finally {
  await browser.close();
  await server.close();
}

/** Return the milliseconds of the processor that the page's thread takes while something is done. */
async function workOf(session: CDPSession, work: () => Promise<unknown>): Promise<number> {
  const before = await threadSeconds(session);
  await work();
  return 1000 * ((await threadSeconds(session)) - before);
}

async function threadSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN;
}

function report(name: string, milliseconds: number): void {
  console.log(`${milliseconds.toFixed(1).padStart(8)} ms  ${name}`);
}
