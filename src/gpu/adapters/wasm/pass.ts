/** Compute passes. */
import { bindGroupOf, type WasmBindGroup } from './bindings.ts';
import type { Commands } from './commands.ts';
import type { Range } from './executor.ts';
import { pipelineFrom, type WasmComputePipeline } from './pipelines.ts';
import { nameOf } from './state.ts';
import { unsupported } from './unsupported.ts';

/** Maximum number of workgroups of one dispatch: threads count them in 32 bits with a sign. */
const MOST_WORKGROUPS = 2 ** 30;

export class WasmComputePass implements GPUComputePassEncoder {
  declare readonly __brand: 'GPUComputePassEncoder';
  label: string;
  readonly #commands: Commands;
  readonly #limits: GPUSupportedLimits;
  readonly #onEnd: () => void;
  #pipeline: WasmComputePipeline | undefined;
  #group: WasmBindGroup | undefined;
  /** The ranges of the group's bindings, with its dynamic offsets. */
  #ranges: readonly Range[] = [];
  #isOpen = true;

  /** @param onEnd is called once, at the end of the pass. */
  constructor(commands: Commands, limits: GPUSupportedLimits, label: string, onEnd: () => void) {
    this.#commands = commands;
    this.#limits = limits;
    this.label = label;
    this.#onEnd = onEnd;
  }

  setPipeline(pipeline: GPUComputePipeline): undefined {
    if (!this.#expectOpen('setPipeline')) return;
    const own = pipelineFrom(pipeline);
    if (!own.ready) this.#commands.fail(`setPipeline: ${nameOf('pipeline', own)} is invalid`);
    this.#pipeline = own;
  }

  setBindGroup(index: number, group: GPUBindGroup | null | undefined, offsets?: Iterable<number>): undefined;
  setBindGroup(
    index: number,
    group: GPUBindGroup | null | undefined,
    offsets: Uint32Array,
    start: number,
    length: number,
  ): undefined;
  setBindGroup(
    index: number,
    group: GPUBindGroup | null | undefined,
    offsets: Iterable<number> | Uint32Array = [],
    start?: number,
    length?: number,
  ): undefined {
    if (!this.#expectOpen('setBindGroup')) return;
    if (index !== 0) {
      this.#commands.fail(`setBindGroup: index ${index} exceeds maxBindGroups, 1`);
      return;
    }
    const own = group ? bindGroupOf(group) : undefined;
    this.#group = own;
    if (!own) return;
    const numbers = [...offsets].slice(start, length === undefined ? undefined : (start ?? 0) + length);
    const problem = own.isValid ? own.offsetsProblem(numbers, this.#limits) : 'it is invalid';
    if (problem !== undefined)
      this.#commands.fail(`setBindGroup of ${nameOf('bind group', own)}: ${problem}`);
    else this.#ranges = own.rangesAt(numbers);
  }

  dispatchWorkgroups(x: number, y = 1, z = 1): undefined {
    if (!this.#expectOpen('dispatchWorkgroups')) return;
    const ready = this.#pipeline?.ready;
    const problem = this.#problem() ?? this.#gridProblem(x, y, z);
    if (problem !== undefined || !ready) {
      const pipeline = this.#pipeline ? ` of ${nameOf('pipeline', this.#pipeline)}` : '';
      this.#commands.fail(`dispatchWorkgroups${pipeline}: ${problem ?? 'no valid pipeline is set'}`);
      return;
    }
    for (const buffer of this.#group?.buffers ?? []) this.#commands.use(buffer);
    if (x * y * z === 0) return;
    const { kernel, places } = ready;
    const bindings = places ? places.flatMap((place) => this.#ranges[place] ?? []) : this.#ranges;
    this.#commands.add({ kind: 'dispatch', kernel, grid: [x, y, z], bindings });
  }

  dispatchWorkgroupsIndirect(): undefined {
    unsupported('dispatchWorkgroupsIndirect', 'dispatchWorkgroups');
  }

  setImmediates(): undefined {
    unsupported('setImmediates', 'a uniform buffer');
  }

  end(): undefined {
    if (!this.#expectOpen('end')) return;
    this.#isOpen = false;
    this.#onEnd();
  }

  pushDebugGroup(): undefined {}
  popDebugGroup(): undefined {}
  insertDebugMarker(): undefined {}

  #expectOpen(where: string): boolean {
    if (!this.#isOpen) this.#commands.fail(`${where}: the compute pass has ended`);
    return this.#isOpen;
  }

  /** Return the reason why the pipeline cannot run with the bind group. */
  #problem(): string | undefined {
    const ready = this.#pipeline?.ready;
    if (!ready) return undefined;
    const group = this.#group;
    if (!group) return ready.layout.entries.length > 0 ? 'no bind group is set' : undefined;
    if (!ready.layout.equals(group.layout))
      return `${nameOf('bind group', group)} has another layout than the pipeline`;
    if (group.conflict !== undefined) return group.conflict;
    for (const [i, { binding, leastBytes }] of ready.bindings.entries()) {
      const bytes = this.#ranges[ready.places?.[i] ?? i]?.bytes ?? 0;
      if (bytes < leastBytes) return `binding ${binding} has ${bytes} bytes; the shader needs ${leastBytes}`;
    }
    return undefined;
  }

  #gridProblem(x: number, y: number, z: number): string | undefined {
    const most = this.#limits.maxComputeWorkgroupsPerDimension;
    const grid = `${x} × ${y} × ${z} workgroups`;
    if (x > most || y > most || z > most) return `${grid} exceed maxComputeWorkgroupsPerDimension, ${most}`;
    if (x * y * z > MOST_WORKGROUPS) return `${grid} exceed ${MOST_WORKGROUPS} in all`;
    return undefined;
  }
}
