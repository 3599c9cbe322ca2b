/** Failures in the Lab are said with what to do, and nothing is lost: no WebGPU, no shared memory, a lost device, a full disk. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { describeIn, launchChromium } from '../browsers.ts';
import { labAddress, SHORT, textOf, untilStatus, untilStep } from './labTab.ts';
import { it } from './page.ts';

const LONG = { ...SHORT, steps: '40', eval_interval: '20' };

async function begin(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.getByTestId('start').click();
}

describeIn('chromium', () => {
  it('says so if WebGPU is asked for and missing, and trains without it', async ({ app }) => {
    const browser = await launchChromium({ webgpu: false });
    const page = await browser.newPage();
    await begin(page, labAddress(app, { ...SHORT, adapter: 'webgpu' }));
    expect(await untilStatus(page, 'failed', 'finished')).toBe('failed');
    expect(await textOf(page, 'failure')).toMatch(/this browser offers no WebGPU here/);
    await page.getByRole('button', { name: 'Reset' }).click();
    await begin(page, labAddress(app, { ...SHORT, adapter: 'auto' }));
    expect(await untilStatus(page, 'failed', 'finished')).toBe('finished');
    await browser.close();
  });

  it('trains on one thread where memory is not shared, and says why it is slow', async ({ page, app }) => {
    await begin(page, labAddress(app, { ...SHORT, adapter: 'wasm' }));
    expect(await page.evaluate('crossOriginIsolated')).toBe(false);
    expect(await untilStatus(page, 'failed', 'finished')).toBe('finished');
    expect(await textOf(page, 'adapter-in-use')).toMatch(/one thread.*not cross-origin isolated/);
  });

  it('a run is resumed after its device was lost', async ({ page, app }) => {
    await begin(page, labAddress(app, { ...LONG, adapter: 'webgpu' }));
    await untilStep(page, 3);
    const session = await page.context().browser()?.newBrowserCDPSession();
    await session?.send('Browser.crashGpuProcess');
    await page.getByText('Training goes on from the last checkpoint.').waitFor();
    expect(await untilStatus(page, 'failed', 'finished')).toBe('finished');
    expect(await textOf(page, 'step')).toBe(LONG.steps);
  });

  it('a full disk loses nothing', async ({ page, context, app }) => {
    await page.goto(labAddress(app, { ...LONG, adapter: 'wasm' }));
    const session = await context.newCDPSession(page);
    const { origin } = new URL(app);
    await page.getByTestId('start').click();
    await untilStep(page, 4);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1000 });
    expect(await untilStatus(page, 'failed', 'finished')).toBe('failed');
    expect(await textOf(page, 'failure')).toMatch(/space|full|storage/i);
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    await page.getByTestId('start').click();
    expect(await untilStatus(page, 'failed', 'finished')).toBe('finished');
  });
});
