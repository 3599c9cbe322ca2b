/** A machine whose samplers share their work with other machines. */
import type { Connect, ConnectOptions } from '../cluster/connection/connection.ts';
import { machineClass } from '../cluster/protocol/machineClass.ts';
import { PROTOCOL, type Spec, type WorkersMode } from '../cluster/protocol/spec.ts';
import { Coordinator } from '../cluster/trainer/coordinator.ts';
import type { ClusterListener } from '../cluster/trainer/events.ts';
import { RemoteSampler } from '../cluster/trainer/remoteSampler.ts';
import { Verifier } from '../cluster/trust/verifier.ts';
import type { Machine, MachineNeed } from './machine.ts';

/** Options of work with other machines. */
export interface WorkersOptions extends Pick<ConnectOptions, 'url' | 'credentials' | 'ca'> {
  /** Opens the connection: `connectNode`, or `connectBrowser`. */
  readonly connect: Connect;
  /** Names the run on the server, always the same for a run: up to 64 letters, digits, `_` and `-`. */
  readonly run: string;
  /** Names the run for people, such as its directory. */
  readonly name: string;
  /** Default: `same-class`, to the bits of the machine alone. */
  readonly mode?: WorkersMode | undefined;
  /** Share of the groups of completions that are computed again. Default: 0.02. */
  readonly spotChecks?: number | undefined;
  /** Updates of the model that a rollout may be behind, as the trainer's option. Default: 0. */
  readonly staleness?: number | undefined;
  /** Hears of workers and of the server. It must not throw. */
  readonly on?: ClusterListener | undefined;
}

/**
 * Return a machine that samples on the given one and on workers. It takes the given machine over: both end together.
 * @throws ClusterError within twenty seconds if the server cannot be used; then the given machine has ended, too.
 */
export async function withWorkers<Whole extends Machine>(
  machine: Whole,
  need: Pick<MachineNeed, 'model' | 'eos'>,
  options: WorkersOptions,
): Promise<Whole> {
  try {
    const coordinator = await opened(machine, need, options);
    return shared(machine, need, coordinator);
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

async function opened(
  machine: Machine,
  need: Pick<MachineNeed, 'model' | 'eos'>,
  {
    connect,
    url,
    credentials,
    ca,
    run,
    name,
    mode = 'same-class',
    spotChecks,
    staleness,
    on,
  }: WorkersOptions,
): Promise<Coordinator> {
  const spec = await specOf(machine, need, mode);
  const connected = await connect({ url, credentials, ca, name: `mathformer trainer ${run}` });
  const { class: kind, matmulPrecision } = spec;
  const verifier = new Verifier({ class: kind, mode, matmulPrecision, spotChecks });
  return Coordinator.open({ connected, run, name, spec, staleness, verifier, on });
}

async function specOf(
  { device, provenance: { versions } }: Machine,
  { model, eos }: Pick<MachineNeed, 'model' | 'eos'>,
  mode: WorkersMode,
): Promise<Spec> {
  const { mathformer = '', webgpu, browser } = versions;
  return {
    ...{ protocol: PROTOCOL, version: mathformer, mode, eos },
    class: await machineClass(device, { mathformer, driver: webgpu ?? browser ?? '' }),
    adapter: device.info.description || device.name,
    model: { ...model },
    matmulPrecision: device.halfProducts ? 'medium' : 'highest',
    kernels: device.choices,
  };
}

/** Share the samplers of the need's model. Other models are sampled on the machine alone. */
function shared<Whole extends Machine>(
  machine: Whole,
  need: Pick<MachineNeed, 'model' | 'eos'>,
  coordinator: Coordinator,
): Whole {
  return {
    ...machine,
    sampler(model, eos) {
      const local = machine.sampler(model, eos);
      const isShared = eos === need.eos && JSON.stringify(model.config) === JSON.stringify(need.model);
      return isShared ? new RemoteSampler(model, local, coordinator) : local;
    },
    figures: () => coordinator.figures(),
    async [Symbol.asyncDispose]() {
      try {
        await coordinator.close();
      } finally {
        await machine[Symbol.asyncDispose]();
      }
    },
  };
}
