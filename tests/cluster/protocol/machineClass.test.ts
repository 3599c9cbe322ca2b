/** The class of a machine: the same for machines that compute the same bits, another one for others. */
import { expect, it } from 'vitest';
import { machineClass } from '../../../src/cluster/protocol/machineClass.ts';
import { Device } from '../../../src/gpu/device.ts';
import { type OpenAdapterOptions, openAdapter } from '../../../src/gpu/node.ts';

const VERSIONS = { mathformer: '0.1.0', driver: 'dawn 1' };

async function classOf(options: OpenAdapterOptions, versions = VERSIONS): Promise<string> {
  const device = await Device.open((await openAdapter(options)).adapter);
  const found = await machineClass(device, versions);
  device.destroy();
  return found;
}

it('is one for all machines with the adapter wasm, whatever their threads and the program around it', async () => {
  const one = await classOf({ name: 'wasm', threads: 1 });
  expect(one).toMatch(/^wasm-[0-9a-f]{8}$/);
  expect(await classOf({ name: 'wasm', threads: 2 })).toBe(one);
  expect(await classOf({ name: 'wasm', threads: 1 }, { ...VERSIONS, driver: 'Firefox 150' })).toBe(one);
});

it('is another one with another version of the package', async () => {
  const one = await classOf({ name: 'wasm', threads: 1 });
  expect(await classOf({ name: 'wasm', threads: 1 }, { ...VERSIONS, mathformer: '0.2.0' })).not.toBe(one);
});

it('is another one where products are rounded once', async () => {
  const options = { name: 'wasm', threads: 1, relaxed: true } as const;
  const one = await classOf({ name: 'wasm', threads: 1 });
  const opened = await openAdapter(options);
  if (opened.wasm?.relaxed) expect(await classOf(options)).not.toBe(one);
  else expect(await classOf(options)).toBe(one);
});

it('is of the vendor, the device and the driver on a GPU', async () => {
  const info = {
    ...{ vendor: 'Vendor, Inc.', architecture: 'a', device: 'd', description: 'A card (driver 1)' },
    ...{ subgroupMinSize: 32, subgroupMaxSize: 32, isFallbackAdapter: false },
    __brand: 'GPUAdapterInfo' as const,
  };
  const classOfInfo = (changes: Partial<typeof info> = {}, versions = VERSIONS) =>
    machineClass({ info: { ...info, ...changes } }, versions);
  const one = await classOfInfo();
  expect(one).toMatch(/^vendorinc-[0-9a-f]{8}$/);
  expect(await classOfInfo()).toBe(one);
  for (const changes of [{ device: 'e' }, { description: 'A card (driver 2)' }, { architecture: 'b' }])
    expect(await classOfInfo(changes)).not.toBe(one);
  expect(await classOfInfo({}, { ...VERSIONS, driver: 'dawn 2' })).not.toBe(one);
  expect(await classOfInfo({ vendor: '' })).toMatch(/^gpu-/);
  // A vendor's name is no claim to be of the class of the adapter wasm.
  expect(await classOfInfo({ vendor: 'mathformer' })).not.toMatch(/^wasm-/);
});
