/** The Lab keeps what it trains: paused, reloaded, taken to Node, in two tabs, and when something fails. */

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { run } from '../../cli/cliProcess.ts';
import { describeIn } from '../browsers.ts';
import { keptDigests, labAddress, SHORT, textOf, untilStatus, untilStep } from './labTab.ts';
import { it } from './page.ts';

const SETTINGS = { ...SHORT, adapter: 'wasm', steps: '40', eval_interval: '20' };
const FINAL = /model_final\.safetensors$/;

async function begin(
  page: Page,
  app: string,
  settings: Readonly<Record<string, string>> = SETTINGS,
): Promise<void> {
  await page.goto(labAddress(app, settings));
  await page.getByTestId('start').click();
}

/** Train to the end without a pause. @returns the digest of the model. */
async function trainThrough(page: Page, app: string) {
  await begin(page, app);
  await untilStatus(page, 'finished', 'failed');
  return keptDigests(page, FINAL);
}

async function pauseAfter(page: Page, step: number): Promise<void> {
  await untilStep(page, step);
  await page.getByTestId('pause').click();
  await untilStatus(page, 'paused');
}

describeIn('chromium', () => {
  it('pauses, reloads and resumes to the bit', async ({ browser, context, page, app }) => {
    await begin(page, app);
    await pauseAfter(page, 2);
    await page.reload();
    await untilStatus(page, 'paused');
    expect(Number(await textOf(page, 'step'))).toBeLessThan(Number(SETTINGS.steps));
    await page.getByTestId('start').click();
    await untilStatus(page, 'finished', 'failed');
    const resumed = await keptDigests(page, FINAL);
    const other = await browser.newContext();
    expect(resumed).toEqual(await trainThrough(await other.newPage(), app));
    await other.close();
    expect(context.pages()).toHaveLength(1);
  });

  it('is taken to Node, which resumes it to the same bits', async ({ browser, page, app }) => {
    await begin(page, app);
    await pauseAfter(page, 2);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page
        .getByRole('button', { name: /download/i })
        .first()
        .click(),
    ]);
    const directory = await mkdtemp(join(tmpdir(), 'mathformer-download-'));
    const archive = unzipSync(await readFile(await download.path()));
    const root = Object.keys(archive)[0]?.split('/')[0] ?? '';
    for (const [name, bytes] of Object.entries(archive)) {
      if (name.endsWith('/')) continue;
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), bytes);
    }
    const { code, stderr } = await run('main', 'resume', join(directory, root), '--adapter', 'wasm');
    expect(code, stderr).toBe(0);
    const model = await readFile(join(directory, root, 'checkpoints/rl_model_final.safetensors'));
    const digest = createHash('sha256').update(model).digest('hex');
    await rm(directory, { recursive: true });
    const other = await browser.newContext();
    const expected = await trainThrough(await other.newPage(), app);
    await other.close();
    expect(Object.values(expected)).toEqual([digest]);
  });
});
