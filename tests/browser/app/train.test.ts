/** The Lab trains in both browsers, on WebGPU and on the WebAssembly adapter; there to the same bits in both. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BROWSERS, describeInEach } from '../browsers.ts';
import type { FileServer } from '../server.ts';
import { at, keptDigests, labAddress, SHORT, textOf, untilStatus } from './labTab.ts';
import { serveApp } from './page.ts';

let server: FileServer;
/** The model that each browser trained on the WebAssembly adapter. */
const trained = new Map<string, Readonly<Record<string, string>>>();
beforeAll(async () => {
  server = await serveApp();
});
afterAll(() => server?.close());

describeInEach((browser, name) => {
  it.each(['webgpu', 'wasm'])('trains on %s', async (adapter) => {
    const tab = await browser().newPage();
    await tab.goto(labAddress(`${server.origin}/mathformer/`, { ...SHORT, adapter }));
    await tab.waitForSelector(at('start'));
    expect(await textOf(tab, 'status')).toBe('idle');
    await tab.click(at('start'));
    await untilStatus(tab, 'finished', 'failed');
    expect(await textOf(tab, 'status')).toBe('finished');
    expect(await textOf(tab, 'step')).toBe(SHORT.steps);
    expect(Number.parseFloat(await textOf(tab, 'reward'))).toBeGreaterThanOrEqual(0);
    expect(Number.parseFloat(await textOf(tab, 'accuracy'))).toBeGreaterThanOrEqual(0);
    expect(await tab.evaluate(`document.querySelectorAll('${at('completions')} tr').length`)).toBe(
      Number(SHORT.group_size),
    );
    if (adapter === 'wasm') trained.set(name, await keptDigests(tab, /model_final\.safetensors$/));
    await tab.close();
  });
});

describe('on the WebAssembly adapter', () => {
  it('both browsers train the same model', ({ skip }) => {
    if (trained.size < BROWSERS.length) return skip('not both browsers are installed');
    const [first, ...others] = trained.values();
    expect(Object.keys(first ?? {})).toHaveLength(1);
    for (const other of others) expect(other).toEqual(first);
  });
});
