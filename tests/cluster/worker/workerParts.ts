/** Parts of workers for tests: a spec, facts, machines that pretend to compute, and a worker with its events. */
import type { Connected } from '../../../src/cluster/connection/connection.ts';
import { PROTOCOL, type Spec } from '../../../src/cluster/protocol/spec.ts';
import type { RolloutMachine } from '../../../src/cluster/worker/rolloutMachine.ts';
import {
  RolloutWorker,
  type RolloutWorkerOptions,
  type WorkOptions,
} from '../../../src/cluster/worker/worker.ts';
import type { WorkerEvent } from '../../../src/cluster/worker/workerEvents.ts';
import type { Completion } from '../../../src/model/completions.ts';
import { modelConfig } from '../../../src/model/index.ts';

export const EOS = 2;
export const MODEL = modelConfig('tiny', { vocabSize: 20 });
export const FACTS = { name: 'w', version: '1.2.3', class: 'wasm-1', adapter: 'a', platform: 'test' };

export const SPEC: Spec = {
  protocol: PROTOCOL,
  version: FACTS.version,
  mode: 'same-class',
  class: FACTS.class,
  adapter: FACTS.adapter,
  model: MODEL,
  eos: EOS,
  matmulPrecision: 'highest',
  kernels: {},
};

/** A completion that ends at once. */
const ended = (prompt: number): Completion => ({
  prompt,
  tokens: [EOS],
  logps: Float32Array.of(-1),
  finished: true,
});

/** A machine that pretends to compute. */
export class PretendedMachine implements RolloutMachine {
  readonly loaded: Uint8Array[] = [];
  isDisposed = false;
  isLost = false;

  /** @param work is awaited for each item; it may throw. */
  constructor(private readonly work: (machine: PretendedMachine) => Promise<void> = async () => undefined) {}

  load(weights: Uint8Array): void {
    this.loaded.push(weights);
  }

  async generate(
    prompts: readonly (readonly number[])[],
    { groupSize = 1 }: { readonly groupSize?: number },
  ): Promise<Completion[]> {
    await this.work(this);
    return prompts.flatMap((_, prompt) => Array.from({ length: groupSize }, () => ended(prompt)));
  }

  async lost(): Promise<boolean> {
    return this.isLost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }
}

/** A worker that runs, with what it told. Disposing of it asks it to end, and waits. */
export class RunningWorker implements AsyncDisposable {
  readonly events: WorkerEvent[] = [];
  readonly machines: PretendedMachine[] = [];
  readonly worker: RolloutWorker;
  readonly ended: ReturnType<RolloutWorker['run']>;
  readonly #asked = new AbortController();

  constructor(
    connect: () => Promise<Connected>,
    {
      work,
      ...options
    }: Partial<RolloutWorkerOptions> &
      WorkOptions & { readonly work?: ((machine: PretendedMachine) => Promise<void>) | undefined } = {},
  ) {
    this.worker = new RolloutWorker({
      connect,
      facts: FACTS,
      open: async () => {
        const machine = new PretendedMachine(work);
        this.machines.push(machine);
        return machine;
      },
      on: (event) => this.events.push(event),
      ...options,
    });
    this.ended = this.worker.run({ ...options, signal: this.#asked.signal });
    // A test that fails meanwhile says so itself.
    this.ended.catch(() => undefined);
  }

  /** Ask it to end. */
  stop(): void {
    this.#asked.abort();
  }

  /** Return the events of a type. */
  told<Type extends WorkerEvent['type']>(type: Type): Extract<WorkerEvent, { type: Type }>[] {
    return this.events.filter((event): event is Extract<WorkerEvent, { type: Type }> => event.type === type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.ended.catch(() => undefined);
  }
}
