/** The machine that a session trains on: a device, and the quickest way to sample on it. */
import type { ClusterFigures } from '../cluster/trainer/metrics.ts';
import type { Device } from '../gpu/device.ts';
import type { KernelChoices } from '../gpu/kernelChoices.ts';
import type { CompletionSampler } from '../model/completions.ts';
import type { ModelConfig } from '../model/config.ts';
import { Sampler } from '../model/sampler.ts';
import type { Transformer } from '../model/transformer.ts';

/** The adapter as config.json and summary.json name it. */
export interface AdapterRecord {
  /** Selects the adapter again where adapters have names. */
  readonly name: string;
  /** `hardware`, `software`, `wasm`, or `browser`; `embedded` in runs of older versions. */
  readonly kind: string;
  readonly description: string;
}

/** The versions and the commit of the code that trains. */
export interface Provenance {
  /** By name, such as `mathformer` and `node`; a resumed run warns of those that changed. */
  readonly versions: Readonly<Record<string, string>>;
  /** null outside a checkout. */
  readonly gitCommit: string | null;
}

/** An open device with its samplers. All of it ends with the machine. */
export interface Machine extends AsyncDisposable {
  readonly device: Device;
  readonly adapter: AdapterRecord;
  readonly provenance: Provenance;
  /** Make a sampler of completions that end with the token `eos`. */
  sampler(model: Transformer, eos: number): CompletionSampler;
  /** Return the figures of the work on other machines since the last call; a machine that works alone lacks this. */
  figures?(): ClusterFigures;
}

/** A session's need of a machine. */
export interface MachineNeed {
  readonly model: ModelConfig;
  /** The token that ends a completion. */
  readonly eos: number;
  /** The kernels that the run began with, and the adapter's description; only on that adapter are they taken. */
  readonly kernels: { readonly adapter: string; readonly choices: KernelChoices } | undefined;
}

/** Opens a machine. It is called again after the device was lost. @throws AdapterError */
export type OpenMachine = (need: MachineNeed) => Promise<Machine>;

/** Make a machine of an open device, which is destroyed with it. Completions are sampled on the device. */
export function machineOf(
  device: Device,
  { versions = {}, gitCommit = null }: Partial<Provenance> = {},
  adapter: AdapterRecord = browserAdapter(device),
): Machine {
  const samplers: CompletionSampler[] = [];
  return {
    device,
    adapter,
    provenance: { versions, gitCommit },
    sampler(model, eos) {
      const sampler = new Sampler(model, { eos });
      samplers.push(sampler);
      return sampler;
    },
    async [Symbol.asyncDispose]() {
      for (const sampler of samplers) sampler.dispose();
      device.destroy();
    },
  };
}

function browserAdapter({ name, info }: Device): AdapterRecord {
  return { name, kind: 'browser', description: info.description || name };
}
