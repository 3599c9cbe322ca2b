/** A training with workers in this process, some of them hostile, and what the training becomes without workers. */
import { createHash } from 'node:crypto';
import type { ConnectOptions } from '../../../src/cluster/connection/connection.ts';
import { connectNode } from '../../../src/cluster/connection/node.ts';
import { machineClass } from '../../../src/cluster/protocol/machineClass.ts';
import type { WorkerCard, WorkItem } from '../../../src/cluster/protocol/messages.ts';
import { PROTOCOL, type Spec, type WorkersMode } from '../../../src/cluster/protocol/spec.ts';
import { Coordinator } from '../../../src/cluster/trainer/coordinator.ts';
import type { ClusterEvent } from '../../../src/cluster/trainer/events.ts';
import { RemoteSampler } from '../../../src/cluster/trainer/remoteSampler.ts';
import { Verifier } from '../../../src/cluster/trust/verifier.ts';
import { type MakeSampler, rolloutMachineOf } from '../../../src/cluster/worker/rolloutMachine.ts';
import { RolloutWorker } from '../../../src/cluster/worker/worker.ts';
import { Device, type DeviceOptions } from '../../../src/gpu/device.ts';
import { openAdapter } from '../../../src/gpu/node.ts';
import { grpoOptions } from '../../../src/grpo/options.ts';
import { GrpoTrainer } from '../../../src/grpo/trainer.ts';
import { type Completion, type CompletionSampler, Sampler } from '../../../src/model/sampler.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { arithmetic } from '../../../src/tasks/arithmetic/task.ts';
import { EOS } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { readFixture } from '../../model/referenceModels.ts';

export const VERSIONS = { mathformer: '0.1.0', driver: 'test' };
/** Milliseconds until a training that hangs fails its test. */
const MOST_MS = 60_000;

export const openWasm = async (options: DeviceOptions = {}): Promise<Device> =>
  Device.open((await openAdapter({ name: 'wasm', threads: 1 })).adapter, options);

const { config, stateDict } = readFixture('tiny_easy.pt');
const task = arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' });
export const STEPS = 3;
const OPTIONS = {
  ...{ steps: STEPS, batchSize: 8, groupSize: 4, maxNewTokens: 24, lr: 1e-3, seed: 5 },
  ...{ topK: 30, topP: 0.98 },
};

/** Wait for something that has to come. @throws Error after a time, naming it. */
export async function inTime<Value>(
  promise: Promise<Value>,
  what: string,
  milliseconds = MOST_MS,
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Train, and return the SHA-256 of the weights. */
async function trained(
  device: Device,
  staleness: number,
  samplerOf: (model: Transformer) => CompletionSampler,
  afterStep: () => void = () => undefined,
): Promise<string> {
  const model = new Transformer(device, config, stateDict);
  const sampler = samplerOf(model);
  const options = grpoOptions({ ...OPTIONS, staleness });
  const trainer = new GrpoTrainer(model, options, { task, sampler, samplerOf });
  for (let step = 0; step < STEPS; step++) {
    await inTime(trainer.step(), `step ${step}`);
    afterStep();
  }
  trainer.dispose();
  sampler.dispose();
  const weights = await model.parameters.data();
  model.dispose();
  return createHash('sha256').update(new Uint8Array(weights.buffer)).digest('hex');
}

/** Train without workers. */
export async function trainedAlone(staleness = 0): Promise<string> {
  const device = await openWasm();
  const digest = await trained(device, staleness, (model) => new Sampler(model, { eos: EOS }));
  device.destroy();
  return digest;
}

/** Options of a training with workers. */
export interface HostileRunOptions {
  /** The trainer's connection. */
  readonly connect: ConnectOptions;
  readonly run: string;
  readonly mode?: WorkersMode;
  readonly spotChecks?: number;
  readonly staleness?: number;
  readonly random?: () => number;
  /** Return what the trainer's own share of a step waits for, so that workers get items. */
  ready(step: number): Promise<unknown>;
}

/** The outcome of a training with workers. */
export interface HostileRunReport {
  readonly digest: string;
  readonly events: readonly ClusterEvent[];
  /** Workers of the figures of all steps whose key is banned, and the results of each that were not taken. */
  readonly banned: readonly string[];
  readonly rejected: ReadonlyMap<string, number>;
  /** The results of each that were, or that others had given before. */
  readonly came: ReadonlyMap<string, number>;
}

/** A trainer that waits for workers. */
export class HostileRun implements AsyncDisposable {
  readonly events: ClusterEvent[] = [];
  #steps = 0;
  readonly #listeners = new Set<() => void>();
  readonly #rejected = new Map<string, number>();
  readonly #came = new Map<string, number>();
  readonly #banned = new Set<string>();

  private constructor(
    readonly device: Device,
    readonly coordinator: Coordinator,
    private readonly options: HostileRunOptions,
    private readonly spec: Spec,
  ) {}

  /** Facts of a worker's card that the trainer accepts. */
  get facts(): Pick<WorkerCard, 'class' | 'adapter' | 'version'> {
    const { class: kind, adapter, version } = this.spec;
    return { class: kind, adapter, version };
  }

  /** Return the honest completions of an item of the first step. */
  async honest({ prompts, sampling }: WorkItem): Promise<Completion[]> {
    const model = new Transformer(this.device, config, stateDict);
    const sampler = new Sampler(model, { eos: EOS });
    const completions = await sampler.generate(prompts, sampling);
    sampler.dispose();
    model.dispose();
    return completions;
  }

  static async open(options: HostileRunOptions): Promise<HostileRun> {
    const device = await openWasm();
    const { run, mode = 'same-class', spotChecks = 0, random } = options;
    const spec: Spec = {
      ...{ protocol: PROTOCOL, version: VERSIONS.mathformer, mode, eos: EOS, model: { ...config } },
      ...{ class: await machineClass(device, VERSIONS), adapter: device.info.description },
      ...{ matmulPrecision: 'highest', kernels: {} },
    };
    const verifier = new Verifier({ ...spec, spotChecks, random });
    const connected = await connectNode(options.connect);
    const heard: { hear(event: ClusterEvent): void } = { hear: () => undefined };
    const coordinator = await Coordinator.open({
      ...{ connected, run, name: run, spec, verifier, staleness: options.staleness },
      on: (event) => heard.hear(event),
    });
    const hostile = new HostileRun(device, coordinator, options, spec);
    heard.hear = (event) => {
      hostile.events.push(event);
      for (const listener of hostile.#listeners) listener();
    };
    return hostile;
  }

  /** Wait for an event. */
  until(isMeant: (event: ClusterEvent) => boolean, what: string): Promise<void> {
    const met = new Promise<void>((resolve) => {
      const listener = (): void => {
        if (!this.events.some(isMeant)) return;
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
      listener();
    });
    return inTime(met, what, 20_000);
  }

  /** Train to the end, and wait for what must have happened by then. */
  async train(atEnd: () => Promise<unknown> = async () => undefined): Promise<HostileRunReport> {
    const samplerOf = (model: Transformer): CompletionSampler => {
      const local = new Sampler(model, { eos: EOS });
      const patient: CompletionSampler = {
        generate: async (...call) => {
          await inTime(this.options.ready(this.#steps), 'what the trainer waits for');
          return local.generate(...call);
        },
        dispose: () => local.dispose(),
      };
      return new RemoteSampler(model, patient, this.coordinator);
    };
    const { staleness = 0 } = this.options;
    const digest = await trained(this.device, staleness, samplerOf, () => this.#count());
    await atEnd();
    this.#count();
    return {
      digest,
      events: this.events,
      banned: [...this.#banned],
      rejected: this.#rejected,
      came: this.#came,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.coordinator.close();
    this.device.destroy();
  }

  #count(): void {
    this.#steps++;
    for (const { worker, rejected, items, duplicate, banned } of this.coordinator.figures().workers) {
      this.#rejected.set(worker, (this.#rejected.get(worker) ?? 0) + rejected);
      this.#came.set(worker, (this.#came.get(worker) ?? 0) + items + duplicate);
      if (banned) this.#banned.add(worker);
    }
  }
}

/** A worker in this process that works until it is disposed of. */
export class WorkerHere implements AsyncDisposable {
  private constructor(
    private readonly end: AbortController,
    private readonly work: Promise<unknown>,
  ) {}

  static async start(
    connect: ConnectOptions,
    instance: string,
    {
      makeSampler,
      class: kind,
    }: { readonly makeSampler?: MakeSampler; readonly class?: string | undefined } = {},
  ): Promise<WorkerHere> {
    const device = await openWasm();
    const facts = { class: kind ?? (await machineClass(device, VERSIONS)), adapter: device.info.description };
    device.destroy();
    const worker = new RolloutWorker({
      ...{ instance, facts: { name: instance, version: VERSIONS.mathformer, platform: 'test', ...facts } },
      connect: () => connectNode({ ...connect, name: instance }),
      open: async (spec, model) => rolloutMachineOf(await openWasm(), model, spec, makeSampler),
    });
    const end = new AbortController();
    return new WorkerHere(end, worker.run({ signal: end.signal }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end.abort();
    await this.work;
  }
}
