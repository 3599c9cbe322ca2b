/** A dashboard follows runs: one that a Node process trains, in both browsers; lines that arrive in pieces; a server that goes and comes back. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, it as plainIt } from 'vitest';
import { start } from '../../cli/cliProcess.ts';
import { describeIn, describeInEach } from '../browsers.ts';
import { type Dashboard, startDashboard } from '../dashboard.ts';
import { grpoArguments } from '../runs.ts';
import { at, textOf, untilStep } from './labTab.ts';
import { it } from './page.ts';

let directory: string;
let dashboard: Dashboard;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mathformer-follow-'));
  dashboard = await startDashboard(directory);
});
afterEach(async () => {
  await dashboard?.stop();
  await rm(directory, { recursive: true });
});

const overview = (run: string): string => `${dashboard.address}#/run/server/${run}/overview`;

describeInEach((browser) => {
  plainIt('follows a run that Node trains', async () => {
    const tab = await browser().newPage();
    await tab.goto(`${dashboard.address}#/runs`);
    const checkpoint = join(inject('runs'), 'seed0');
    const training = start('main', grpoArguments(checkpoint, join(directory, 'live'), 40));
    await tab.waitForSelector(`${at('runs')} tr`);
    await tab.goto(overview('live'));
    await untilStep(tab, 1);
    expect(training.child.exitCode).toBeNull();
    expect((await training.ended).code).toBe(0);
    await untilStep(tab, 40);
    await tab.close();
  });
});

describeIn('chromium', () => {
  /** Copy a run with its first rows alone. @returns all rows, with their line ends. */
  async function begin(rows: number): Promise<string[]> {
    const run = join(directory, 'copied');
    await cp(join(inject('runs'), 'seed0'), run, { recursive: true });
    const metrics = join(run, 'metrics.jsonl');
    const all = (await readFile(metrics, 'utf8')).split(/(?<=\n)/);
    await writeFile(metrics, all.slice(0, rows).join(''));
    return all;
  }
  const append = (text: string): Promise<void> => appendFile(join(directory, 'copied/metrics.jsonl'), text);

  it('a line that is written in two pieces is one row', async ({ page }) => {
    const [, , , , , , sixth = '', seventh = ''] = await begin(5);
    await page.goto(overview('copied'));
    await untilStep(page, 5);
    await append(sixth.slice(0, 30));
    await expect.poll(() => textOf(page, 'step')).toBe('5');
    await append(sixth.slice(30));
    await untilStep(page, 6);
    await append(seventh);
    await untilStep(page, 7);
    await page.close();
  });

  it('after the server was away, the page has every row once', async ({ page, problems }) => {
    const rows = await begin(3);
    await page.goto(overview('copied'));
    await untilStep(page, 3);
    const port = Number(new URL(dashboard.address).port);
    await dashboard.stop();
    await page.getByText('Connecting again').waitFor();
    await append(rows.slice(3, 9).join(''));
    dashboard = await startDashboard(directory, port);
    await untilStep(page, 9);
    await append(rows.slice(9).join(''));
    await untilStep(page, 12);
    await page.getByRole('button', { name: 'Table of values' }).first().click();
    const steps = page.getByRole('table', { name: /^Values of/ }).getByRole('rowheader');
    await expect
      .poll(() => page.getByRole('table', { name: /^Values of/ }).getAttribute('aria-rowcount'))
      .toBe('13');
    expect(new Set(await steps.allTextContents()).size).toBe(await steps.count());
    await expect.poll(() => steps.first().textContent()).toBe('1');
    await page.close();
    // The browser says that the server did not answer.
    expect(problems.splice(0).filter((problem) => !/ERR_|Failed to load/.test(problem))).toEqual([]);
  });
});
