/**
 * The class of a machine. Machines of one class compute the same bits from the same spec. The adapter `wasm` computes the same
 * bits everywhere, so all machines with it are of one class. With relaxed multiply-adds its bits depend on the processor, which it
 * does not know: each machine is a class. Others differ by adapter, driver and the program that drives it.
 */
import { nuid } from '@nats-io/nats-core';
import { sha256 } from '../../base/sha256.ts';
import type { Device } from '../../gpu/device.ts';
import { adapterTraits } from '../../gpu/kernelChoices.ts';

/** The architecture that the adapter `wasm` reports. */
const WASM = 'wasm';

/** Return the class of a device, such as `wasm-3f2a9c1e`. @param versions of the package, and of Dawn or the browser. */
export async function machineClass(
  { info }: Pick<Device, 'info'>,
  versions: { readonly mathformer: string; readonly driver: string },
): Promise<string> {
  const isWasm = info.vendor === 'mathformer' && info.architecture === WASM;
  const { mathformer, driver } = versions;
  const facts = isWasm
    ? { mathformer, description: info.description, ...(isRelaxed(info) && { machine: nuid.next() }) }
    : { mathformer, driver, ...adapterTraits(info) };
  const digest = await sha256(new TextEncoder().encode(JSON.stringify(facts)));
  const family = isWasm ? WASM : info.vendor.toLowerCase().replace(/[^a-z0-9]+/g, '') || 'gpu';
  return `${family}-${digest.slice(0, 8)}`;
}

const isRelaxed = ({ description }: Pick<GPUAdapterInfo, 'description'>): boolean =>
  description.includes('relaxed');
