/** Heads of a run: chosen, read by keyboard and compared; what cannot be shown says why. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { describeIn } from '../browsers.ts';
import { type Dashboard, startDashboard } from '../dashboard.ts';
import { expectUsable } from './accessible.ts';
import { it } from './page.ts';

const FINAL = 'checkpoints/rl_model_final.safetensors';

describeIn('chromium', () => {
  let directory: string;
  let dashboard: Dashboard;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mathformer-heads-'));
    for (const name of ['whole', 'torn']) {
      await cp(join(inject('runs'), 'seed0'), join(directory, name), { recursive: true });
    }
    const weights = await readFile(join(directory, 'whole', FINAL));
    await writeFile(join(directory, 'torn', FINAL), weights.subarray(0, weights.length / 2));
    dashboard = await startDashboard(directory);
  });
  afterAll(async () => {
    await dashboard?.stop();
    await rm(directory, { recursive: true });
  });
  const heads = (run: string, view = ''): string =>
    `${dashboard.address}#/run/server/${run}/heads?text=3%2B4${view}`;

  it('every head of every layer is there; one is enlarged, and read by the arrow keys', async ({ page }) => {
    await page.goto(heads('whole'));
    const all = page.getByTestId('heads').getByRole('button');
    await all.first().waitFor();
    expect(await all.count()).toBe(4);
    await page.getByRole('button', { name: 'Layer 2, head 1' }).click();
    const square = page.getByRole('application', { name: 'Layer 2, head 1' });
    await square.press('Home');
    const readout = page.locator('.head-readout');
    await expect.poll(() => readout.textContent()).toContain('looks at <sos>');
    // The first token has nobody else to look at.
    for (let row = 0; row < 60; row++) await square.press('ArrowUp');
    await expect.poll(() => readout.textContent()).toBe('<sos> looks at <sos> 100 %');
    await page.getByText('<sos> looks at <sos>: 100 %').waitFor({ state: 'attached' });
    // The address has the head, and the walk of the keyboard begins at the top.
    await page.reload();
    await square.waitFor();
    await expectUsable(page);
  });

  it('training changed something, which the first checkpoint shows', async ({ page }) => {
    await page.goto(heads('whole', '&shown=change'));
    await page.getByTestId('heads').waitFor();
    const legend = page.locator('.scale-legend');
    expect(await legend.textContent()).toMatch(/−[\d.]+ points0\+[\d.]+ points/);
    await page.getByLabel('Checkpoint').fill('0');
    await expect.poll(() => legend.textContent()).toContain('100 %');
  });

  it('text outside of the vocabulary, and a torn file, are told in a sentence', async ({ page }) => {
    await page.goto(heads('whole'));
    await page.getByTestId('heads').waitFor();
    await page.getByLabel('Problem or text').fill('Ä');
    await page.getByRole('alert').getByText('unknown character').waitFor();
    await page.goto(heads('torn'));
    await page.getByRole('alert').getByText(FINAL).waitFor();
    await page.getByLabel('Checkpoint').fill('0');
    await page.getByTestId('heads').waitFor();
  });
});
