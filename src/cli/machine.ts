/** The device a command runs on, freed at its end so that the process can exit. */
import { Device } from '../gpu/device.ts';
import { type AdapterKind, openAdapter } from '../gpu/node.ts';
import { reportProfile } from './profile.ts';
import type { Reporter } from './reporter.ts';

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

/** Flags that choose and configure the device. */
export interface MachineFlags {
  readonly adapter?: string | undefined;
  readonly debug?: boolean;
  /** Where to write a trace of every dispatch. */
  readonly profile?: string | undefined;
}

/**
 * Works on the adapter of that name, or the best one, and reports the profile if one was asked for.
 * @throws AdapterError if there is none.
 */
export async function withMachine<Result>(
  { adapter: name, debug = false, profile }: MachineFlags,
  reporter: Pick<Reporter, 'line'>,
  work: (machine: Machine) => Promise<Result>,
): Promise<Result> {
  const opened = await openAdapter(name === undefined ? {} : { name });
  const { kind, description } = opened;
  const device = await Device.open(opened.adapter, { debug, profile: profile !== undefined });
  try {
    const result = await work({ device, adapter: { name: opened.name, kind, description } });
    if (profile !== undefined) await reportProfile(device, profile, (line) => reporter.line(line));
    return result;
  } finally {
    device.destroy();
  }
}

/** `Device: lavapipe (llvmpipe …)`. */
export function deviceText({ name, description }: AdapterRecord): string {
  return name === description ? `Device: ${name}` : `Device: ${name} (${description})`;
}
