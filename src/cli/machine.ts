/** The device a command runs on, freed at its end so that the process can exit. */
import { Device, type DeviceOptions } from '../gpu/device.ts';
import { type AdapterKind, openAdapter } from '../gpu/node.ts';

/** What config.json and summary.json say of the adapter. */
export interface AdapterRecord {
  readonly name: string;
  readonly kind: AdapterKind;
  readonly description: string;
}

export interface Machine {
  readonly device: Device;
  readonly adapter: AdapterRecord;
}

/** Opens the adapter called `name`, or the best one. @throws AdapterError if there is none. */
export async function withMachine<Result>(
  name: string | undefined,
  work: (machine: Machine) => Promise<Result>,
  options: DeviceOptions = {},
): Promise<Result> {
  const opened = await openAdapter(name === undefined ? {} : { name });
  const { kind, description } = opened;
  const device = await Device.open(opened.adapter, options);
  try {
    return await work({ device, adapter: { name: opened.name, kind, description } });
  } finally {
    device.destroy();
  }
}

/** `Device: lavapipe (llvmpipe …)`. */
export function deviceText({ name, description }: AdapterRecord): string {
  return name === description ? `Device: ${name}` : `Device: ${name} (${description})`;
}
