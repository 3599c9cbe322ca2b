/** A run of 100,000 steps: the overview draws all of its charts, goes on answering, and takes new rows. Figures are printed, not judged. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { describeIn } from '../browsers.ts';
import { startDashboard } from '../dashboard.ts';
import { untilStep } from './labTab.ts';
import { it, settled } from './page.ts';

const STEPS = 100_000;

describeIn('chromium', () => {
  it('is drawn, answers, and follows', async ({ page }) => {
    const directory = await mkdtemp(join(tmpdir(), 'mathformer-long-'));
    const run = join(directory, 'long');
    await cp(join(inject('runs'), 'seed0'), run, { recursive: true });
    const metrics = join(run, 'metrics.jsonl');
    const row = JSON.parse((await readFile(metrics, 'utf8')).trimEnd().split('\n').at(-1) ?? '{}');
    const line = (step: number): string =>
      `${JSON.stringify({ ...row, step, reward: Math.sin(step / 5000), entropy: 1 + Math.cos(step / 700) })}\n`;
    await writeFile(metrics, Array.from({ length: STEPS }, (_, i) => line(i + 1)).join(''));
    const dashboard = await startDashboard(directory);
    // Charts out of sight are not drawn.
    await page.setViewportSize({ width: 1280, height: 3000 });
    const began = performance.now();
    await page.goto(`${dashboard.address}#/run/server/long/overview`);
    await untilStep(page, STEPS);
    await settled(page);
    const drawn = performance.now() - began;
    const charts = await page.locator('main canvas').count();
    expect(charts).toBeGreaterThanOrEqual(8);
    await page.evaluate(LONGEST_FRAME);
    for (let step = STEPS + 1; step <= STEPS + 20; step++) await appendFile(metrics, line(step));
    await untilStep(page, STEPS + 20);
    const longest = await page.evaluate('longestFrame');
    console.info(
      `${STEPS} rows, ${charts} charts: drawn in ${(drawn / 1000).toFixed(1)} s; longest frame with new rows ${longest} ms`,
    );
    // The page answers: the table behind the first chart has every row.
    await page.getByRole('button', { name: 'Table of values' }).first().click();
    const table = page.getByRole('table', { name: /^Values of/ });
    await expect.poll(() => table.getAttribute('aria-rowcount')).toBe(String(STEPS + 21));
    await page.close();
    await dashboard.stop();
    await rm(directory, { recursive: true });
  });
});

/** Measures the time between frames from now on, in the page. */
const LONGEST_FRAME = `
  globalThis.longestFrame = 0;
  let last = performance.now();
  requestAnimationFrame(function measure(now) {
    longestFrame = Math.max(longestFrame, Math.round(now - last));
    last = now;
    requestAnimationFrame(measure);
  });
`;
