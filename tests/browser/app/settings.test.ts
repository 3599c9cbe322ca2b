/** Settings of the Lab are in the address; it is worked without a mouse; two tabs share a run. */
import { expect } from 'vitest';
import { describeIn } from '../browsers.ts';
import { at, labAddress, SHORT, textOf, untilStatus, untilStep } from './labTab.ts';
import { it } from './page.ts';

describeIn('chromium', () => {
  it('an address gives its settings, and settings give their address', async ({ page, app }) => {
    const settings = { preset: 'sums', adapter: 'wasm', steps: '7', lr: '0.002', loss: 'dapo' };
    await page.goto(labAddress(app, settings));
    const steps = page.getByLabel('steps', { exact: true });
    await steps.first().fill('9');
    await steps.first().blur();
    await expect.poll(() => page.evaluate('location.hash')).toContain('steps=9');
    const address = page.url();
    const other = await page.context().newPage();
    await other.goto(address);
    await other.getByTestId('start').waitFor();
    await expect
      .poll(async () => Object.fromEntries(new URLSearchParams(new URL(other.url()).hash.split('?')[1])))
      .toEqual({ ...settings, steps: '9' });
  });

  it('says which part of an address is no option', async ({ page, app }) => {
    await page.goto(labAddress(app, { preset: 'sums', steps: 'many', colour: 'red' }));
    await page.getByText('steps=many').waitFor();
    await page.getByText('colour=red').waitFor();
  });

  it('trains, opens a run and moves the cursor of a chart by the keyboard alone', async ({ page, app }) => {
    await page.goto(labAddress(app, { ...SHORT, adapter: 'wasm' }));
    await page.getByTestId('start').focus();
    await page.keyboard.press('Enter');
    await untilStatus(page, 'finished');
    await page.getByRole('link', { name: 'Runs' }).focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('runs').getByRole('link').first().focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/#\/run\/tab\//);
    const chart = page.getByRole('slider', { name: /reward/i }).first();
    await chart.focus();
    const before = await chart.getAttribute('aria-valuetext');
    await page.keyboard.press('Home');
    const first = await chart.getAttribute('aria-valuetext');
    await page.keyboard.press('ArrowRight');
    const second = await chart.getAttribute('aria-valuetext');
    expect(new Set([first, second]).size).toBe(2);
    expect(before).not.toBe(second);
  });

  it('another page and back, the Lab shows its run with the settings of the run', async ({ page, app }) => {
    const settings = { ...SHORT, adapter: 'wasm', steps: '2000', eval_interval: '0' };
    await page.goto(labAddress(app, settings));
    await page.getByTestId('start').click();
    await untilStep(page, 1);
    await page.getByRole('link', { name: 'Learn', exact: true }).click();
    await page.getByRole('link', { name: 'Lab', exact: true }).click();
    await expect
      .poll(async () => Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.split('?')[1])))
      .toEqual(settings);
    expect(await textOf(page, 'status')).toBe('training');
    await page.getByRole('link', { name: 'Sorting', exact: true }).click();
    await page.getByText('The run here was begun with other settings').waitFor();
    await page.getByRole('link', { name: 'Its settings' }).click();
    await page.getByText('The run here was begun with other settings').waitFor({ state: 'detached' });
  });

  it('a second tab sees the run of the first, and neither trains nor deletes it', async ({
    page,
    context,
    app,
  }) => {
    await page.goto(labAddress(app, { ...SHORT, adapter: 'wasm', steps: '200', eval_interval: '0' }));
    await page.getByTestId('start').click();
    await untilStep(page, 1);
    const other = await context.newPage();
    await other.goto(`${app}#/runs`);
    await other.getByTestId('runs').getByRole('link').first().click();
    await expect.poll(async () => Number(await textOf(other, 'step'))).toBeGreaterThan(1);
    await page.getByTestId('pause').click();
    await untilStatus(page, 'paused');
    const step = await textOf(page, 'step');
    await expect.poll(() => textOf(other, 'step')).toBe(step);
    expect(await other.locator(at('start')).count()).toBe(0);
    // Nothing is deleted unasked that this tab has not begun, nor while the first has it open.
    await other.getByRole('link', { name: 'Lab', exact: true }).click();
    await untilStatus(other, 'paused');
    await other.getByTestId('reset').click();
    await other.getByTestId('delete-run').click();
    await other.getByText('Another tab may train it').waitFor();
    await page.getByTestId('one-step').click();
    await expect.poll(() => textOf(page, 'step')).toBe(String(Number(step) + 1));
    await untilStatus(page, 'paused');
  });
});
