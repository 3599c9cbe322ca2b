/** A trainer on this device, and processes of workers that pretend to sample for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectNode } from '../../src/cluster/connection/node.ts';
import { machineClass } from '../../src/cluster/protocol/machineClass.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { CompletionSampler } from '../../src/model/completions.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { versions } from '../../src/runs/provenance.ts';
import type { Machine } from '../../src/training/machine.ts';
import { type WorkersOptions, withWorkers } from '../../src/training/workers.ts';
import type { RecordedCompletions } from './recordedCompletions.ts';
import type { Simulation } from './simulatedWorkers.ts';

/** Milliseconds within which all workers have joined. */
const JOIN_MS = 120_000;
const SCRIPT = fileURLToPath(new URL('simulatedWorkers.ts', import.meta.url));

/** Make a machine of a device that outlives it, with a sampler of its own. */
export function machineWith(device: Device, sampler: (model: Transformer) => CompletionSampler): Machine {
  return {
    device,
    adapter: { name: device.name, kind: 'bench', description: device.info.description || device.name },
    provenance: { versions: versions(), gitCommit: null },
    sampler,
    async [Symbol.asyncDispose]() {},
  };
}

/** Let a machine share its work over a server. */
export function sharing(
  machine: Machine,
  {
    model,
    eos,
    ...options
  }: { model: ModelConfig; eos: number } & Pick<WorkersOptions, 'url' | 'run' | 'staleness' | 'on'>,
): Promise<Machine> {
  return withWorkers(machine, { model, eos }, { ...options, connect: connectNode, name: options.run });
}

/** Wait until a number of workers has joined. */
export async function joined(machine: Machine, workers: number): Promise<void> {
  const late = performance.now() + JOIN_MS;
  while ((machine.figures?.().connected ?? 0) < workers) {
    if (performance.now() > late)
      throw new Error(`${workers} workers did not join within ${JOIN_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The work of the workers of a process. */
export interface SimulationReport {
  readonly items: number;
  readonly abandoned: number;
}

/** Processes of simulated workers. Disposing of it ends them. */
export class Simulated implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'mathformer-bench-'));
  readonly #processes: ChildProcess[];

  private constructor(recorded: RecordedCompletions, simulations: readonly Simulation[]) {
    const path = join(this.#directory, 'completions.json');
    writeFileSync(path, JSON.stringify(recorded));
    this.#processes = simulations.map((simulation) =>
      spawn(
        process.execPath,
        ['--import', 'tsx', SCRIPT, JSON.stringify({ ...simulation, recorded: path })],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      ),
    );
  }

  /** Start processes, one for each simulation. */
  static async start(
    device: Device,
    recorded: RecordedCompletions,
    simulations: readonly Omit<Simulation, 'recorded' | 'class' | 'version'>[],
  ): Promise<Simulated> {
    const { mathformer: version, webgpu: driver } = versions();
    const kind = await machineClass(device, { mathformer: version, driver });
    const whole = simulations.map((each) => ({ ...each, recorded: '', class: kind, version }));
    return new Simulated(recorded, whole);
  }

  get pids(): number[] {
    return this.#processes.flatMap(({ pid }) => pid ?? []);
  }

  /** Kill a process with all its workers. */
  kill(index: number): void {
    this.#processes[index]?.kill('SIGKILL');
  }

  /** End the processes. Return what the workers of each did; undefined for one that was killed. */
  async end(): Promise<(SimulationReport | undefined)[]> {
    return Promise.all(
      this.#processes.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return undefined;
        let output = '';
        child.stdout?.setEncoding('utf8').on('data', (text) => {
          output += text;
        });
        child.stdin?.end();
        await once(child, 'close');
        return JSON.parse(output);
      }),
    );
  }

  [Symbol.dispose](): void {
    for (const child of this.#processes) child.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
