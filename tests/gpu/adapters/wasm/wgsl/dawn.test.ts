import { describe, expect, it } from 'vitest';
import { openNullBackend } from '../../../../nullBackend.ts';
import { programSource } from './checked.ts';
import { INVALID_BODIES, INVALID_SOURCES, withEntry } from './refused.ts';

/** Open a device of Dawn that has no driver: only the front end of its compiler is asked. */
async function openNullDevice(): Promise<GPUDevice> {
  const adapter = await openNullBackend().requestAdapter();
  if (!adapter) throw new Error('Dawn has an adapter without a driver');
  return adapter.requestDevice();
}

async function isValid(device: GPUDevice, code: string): Promise<boolean> {
  device.pushErrorScope('validation');
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
  await device.popErrorScope();
  return messages.every(({ type }) => type !== 'error');
}

describe('what WGSL forbids', () => {
  it('is refused by Dawn, too', { timeout: 60_000 }, async () => {
    const device = await openNullDevice();
    const sources = [
      ...INVALID_BODIES.map(([body]) => programSource(body)),
      ...INVALID_SOURCES.map(([source]) => withEntry(source)),
    ];
    const accepted: string[] = [];
    for (const source of sources) if (await isValid(device, source)) accepted.push(source);
    expect(accepted).toEqual([]);
    expect(await isValid(device, programSource('u += 1;'))).toBe(true);
    device.destroy();
  });
});
