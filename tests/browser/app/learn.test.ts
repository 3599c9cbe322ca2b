/** The guide: every step computes its figure with the bundled model, and is usable by everybody. */
import { expect } from 'vitest';
import { describeIn } from '../browsers.ts';
import { expectUsable } from './accessible.ts';
import { it } from './page.ts';

const LESSONS = [1, 2, 3, 4, 5, 6];
const READY = '.figure-body[aria-busy="false"]';

describeIn('chromium', () => {
  it.for(LESSONS)('step %i is computed, and usable by everybody', async (lesson, { app, page }) => {
    await page.goto(`${app}#/learn/${lesson}`);
    await page.locator(READY).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await expectUsable(page);
  });

  it('an answer is decoded by hand, token by token, to its end', async ({ app, page }) => {
    await page.goto(`${app}#/learn/1`);
    const tokens = page.getByLabel('Tokens', { exact: true }).locator('li');
    const bars = page.getByLabel('The likeliest next tokens');
    await bars.getByRole('button').first().waitFor();
    for (let chosen = 0; chosen < 20 && (await bars.getByRole('button').count()) > 0; chosen++) {
      const before = await tokens.count();
      await bars.getByRole('button').first().click();
      await expect.poll(() => tokens.count()).toBe(before + 1);
    }
    expect(await tokens.last().textContent()).toContain('<eos>');
    await page.getByRole('button', { name: 'Take back' }).click();
    await expect.poll(() => bars.getByRole('button').count()).toBeGreaterThan(0);
  });

  it('a group without a difference in its rewards teaches nothing', async ({ app, page }) => {
    await page.goto(`${app}#/learn/4`);
    const right = page.getByRole('button', { name: 'reward 1' });
    await page.getByRole('button', { name: 'reward 0' }).first().waitFor();
    expect(await right.count()).toBeGreaterThan(0);
    while ((await right.count()) > 0) await right.first().click();
    await page.getByText('there is nothing to compare').waitFor();
  });

  it('the policy leaves its start while it practises: ratios leave 1, and the KL 0', async ({
    app,
    page,
  }) => {
    await page.goto(`${app}#/learn/5`);
    const steps = page.getByLabel('Steps on the same completions');
    await page.locator(READY).waitFor();
    await steps.fill('0');
    await page.getByText(/^0 of \d+ tokens/).waitFor();
    await steps.fill('8');
    await page.getByText(/^[1-9]\d* of \d+ tokens/).waitFor();
    await page.goto(`${app}#/learn/6`);
    const kl = page.locator('dd .value').first();
    await page.getByLabel('Steps on the same completions').fill('0');
    await expect.poll(() => kl.textContent()).toBe('0.000 nats');
    await page.getByLabel('Steps on the same completions').fill('8');
    const free = Number.parseFloat((await kl.textContent()) ?? '');
    expect(free).toBeGreaterThan(0);
    await page.getByLabel('Weight of the KL').selectOption('2');
    await expect.poll(async () => Number.parseFloat((await kl.textContent()) ?? '')).toBeLessThan(free);
  });
});
