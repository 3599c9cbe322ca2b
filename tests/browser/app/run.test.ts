/** The pages of runs, from a dashboard: usable by everybody, and no place for what a hostile run brings. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { workerFigures } from '../../training/figures.ts';
import { describeIn } from '../browsers.ts';
import { type Dashboard, startDashboard } from '../dashboard.ts';
import { HOSTILE, RUNS } from '../runs.ts';
import { expectUsable } from './accessible.ts';
import { it, settled } from './page.ts';

const TABS = ['overview', 'groups', 'completions', 'clip', 'heads', 'problems', 'workers', 'config'] as const;
const BROKEN = ['torn', 'newer'] as const;

describeIn('chromium', () => {
  let dashboard: Dashboard;
  beforeAll(async () => {
    dashboard = await startDashboard(inject('runs'));
  });
  afterAll(() => dashboard?.stop());

  const addressOf = (run: string, tab: string): string => `${dashboard.address}#/run/server/${run}/${tab}`;

  it('the list shows every run, and is usable by everybody', async ({ page }) => {
    await page.goto(`${dashboard.address}#/runs`);
    const rows = page.getByTestId('runs').locator('tr');
    await expect.poll(() => rows.count()).toBe(RUNS.length);
    await expectUsable(page);
  });

  it.for(TABS)('%s is usable by everybody', async (tab, { page }) => {
    await page.goto(addressOf('seed0', tab));
    await settled(page);
    await expectUsable(page);
  });

  it.for(TABS)('%s shows markup of a hostile run as text', async (tab, { page }) => {
    await page.goto(addressOf('hostile', tab));
    await settled(page);
    expect(await page.evaluate('globalThis.hacked')).toBeUndefined();
    expect(await page.locator('main img[src="x"], main svg[onload], main script').count()).toBe(0);
  });

  it('the text of a hostile completion is there to read', async ({ page }) => {
    await page.goto(addressOf('hostile', 'problems'));
    await page.getByText(HOSTILE.slice(0, 30)).first().waitFor();
  });

  it.for(BROKEN.flatMap((run) => TABS.map((tab) => [run, tab] as const)))(
    'the run %s has its page %s',
    async ([run, tab], { page }) => {
      await page.goto(addressOf(run, tab));
      await settled(page);
    },
  );

  it('the workers are in a table, on charts and as CSV, and only a run with workers links to them', async ({
    page,
  }) => {
    await page.goto(addressOf('seed0', 'overview'));
    await settled(page);
    expect(await page.getByRole('link', { name: 'Workers' }).count()).toBe(0);
    await page.goto(addressOf('workers', 'overview'));
    await page.getByRole('link', { name: 'Workers' }).waitFor();
    await page.goto(addressOf('workers', 'workers'));
    const rows = page.getByTestId('workers').locator('tr');
    await expect.poll(() => rows.count()).toBe(4);
    expect(await rows.locator('th').allTextContents()).toEqual(['trainer', 'office', 'attic', 'tab']);
    await expect.poll(() => page.getByRole('slider').count()).toBe(8);
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as CSV' }).click();
    expect((await saved).suggestedFilename()).toBe('workers.csv');
  });

  it('rows of workers come while they are written, and go when a resumed run cuts them', async ({ page }) => {
    const file = join(inject('runs'), 'workers', 'workers.jsonl');
    const before = await readFile(file, 'utf8');
    await page.goto(addressOf('workers', 'workers'));
    const rows = page.getByTestId('workers').locator('tr');
    await expect.poll(() => rows.count()).toBe(4);
    const late = JSON.stringify({ step: 13, ...workerFigures({ worker: 'w9', name: 'late' }) });
    await appendFile(file, late.slice(0, 20));
    await appendFile(file, `${late.slice(20)}\n`);
    await rows.getByText('late', { exact: true }).waitFor();
    expect(await rows.count()).toBe(5);
    await writeFile(file, before);
    await expect.poll(() => rows.count()).toBe(4);
    await expectUsable(page);
  });

  it('a click on one of many workers draws its line', async ({ page }) => {
    await page.goto(addressOf('hostile', 'workers'));
    const rows = page.getByTestId('workers').locator('tr');
    await rows.first().click();
    await expect.poll(() => rows.first().getAttribute('aria-selected')).toBe('true');
    expect(await page.getByRole('figure', { name: 'Idle' }).locator('.legend li').count()).toBe(2);
  });

  it.for(['workers', 'hostile'])(
    'the workers of the run %s are usable by everybody',
    async (run, { page }) => {
      await page.goto(`${addressOf(run, 'workers')}?worker=w3`);
      await settled(page);
      await expectUsable(page);
    },
  );
});
