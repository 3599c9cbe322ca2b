/** Compute pipelines. */
import { type LayoutEntry, WasmBindGroupLayout, WasmPipelineLayout } from './bindings.ts';
import { PipelineError } from './errors.ts';
import { WasmShaderModule } from './shaderModule.ts';
import { type DeviceState, nameOf } from './state.ts';
import { sizes } from './wgsl/layout.ts';
import type { Shader, Type, Variable } from './wgsl/tree.ts';

/** A buffer that a shader uses. */
interface ShaderBinding extends LayoutEntry {
  /** Minimum bytes that a dispatch must bind. */
  readonly leastBytes: number;
}

/** Return the bytes that a binding of this type has at least. A runtime-sized array has one element. */
function leastBytes(type: Type): number {
  const last = type.kind === 'struct' ? type.members.at(-1) : undefined;
  if (last?.type.kind !== 'array' || last.type.length !== undefined) return sizes(type).size;
  const { align } = sizes(type);
  return Math.ceil((last.offset + last.type.stride) / align) * align;
}

/** Return what a shader binds as a variable; undefined for other variables. */
function bindingOf({ type, space, binding, writable }: Variable): ShaderBinding | undefined {
  if (binding === undefined) return undefined;
  const bound = space === 'uniform' ? 'uniform' : writable ? 'storage' : 'read-only-storage';
  return { binding, type: bound, dynamic: false, minBytes: 0, leastBytes: leastBytes(type) };
}

/** A pipeline that can run. */
interface Ready {
  /** Its number in the executor. */
  readonly kernel: number;
  readonly layout: WasmBindGroupLayout;
  readonly bindings: readonly ShaderBinding[];
  /** Places of the bindings among the layout's entries; undefined if they are the same. */
  readonly places: readonly number[] | undefined;
}

export class WasmComputePipeline implements GPUComputePipeline {
  declare readonly __brand: 'GPUComputePipeline';
  label: string;
  /** Undefined if it is invalid. */
  readonly ready: Ready | undefined;

  constructor(ready: Ready | undefined, label: string) {
    this.label = label;
    this.ready = ready;
  }

  getBindGroupLayout(index: number): WasmBindGroupLayout {
    if (index !== 0) throw new RangeError(`bind group ${index} exceeds maxBindGroups, 1`);
    return this.ready?.layout ?? new WasmBindGroupLayout([], { label: this.label, isValid: false });
  }
}

/** A checked descriptor: the executor has to prepare the shader. */
interface Plan {
  readonly shader: Shader;
  readonly source: string;
  readonly label: string;
  readonly layout: WasmBindGroupLayout;
  readonly bindings: readonly ShaderBinding[];
}

/** The reason why a pipeline cannot be made. */
class InvalidPipeline extends Error {}

/** Check a descriptor. @throws InvalidPipeline */
function planOf({ limits }: DeviceState, descriptor: GPUComputePipelineDescriptor): Plan {
  const { compute, layout: given, label = '' } = descriptor;
  const { module, entryPoint, constants = {} } = compute;
  if (!(module instanceof WasmShaderModule)) throw new TypeError('the shader module is of another adapter');
  const { shader, source } = module;
  if (!shader) throw new InvalidPipeline(`${nameOf('shader module', module)} is invalid`);
  const { name } = shader.entry.function;
  if (entryPoint !== undefined && entryPoint !== name)
    throw new InvalidPipeline(`there is no entry point '${entryPoint}', only '${name}'`);
  if (Object.keys(constants).length > 0)
    throw new InvalidPipeline(`the shader has no overridable constant '${Object.keys(constants)[0]}'`);
  const problem = sizeProblem(shader, limits);
  if (problem !== undefined) throw new InvalidPipeline(problem);
  const bindings = shader.variables.flatMap((variable) => bindingOf(variable) ?? []);
  if (given === 'auto') {
    const layout = new WasmBindGroupLayout(bindings.map(entryOf), { label, isExclusive: true });
    return { shader, source, label, bindings, layout };
  }
  if (!(given instanceof WasmPipelineLayout))
    throw new TypeError('the pipeline layout is of another adapter');
  if (!given.isValid) throw new InvalidPipeline(`${nameOf('pipeline layout', given)} is invalid`);
  const layout = given.group;
  const misfit = bindings.find(({ binding, type }) => {
    const entry = layout.entries.find((each) => each.binding === binding);
    return entry?.type !== type;
  });
  if (misfit)
    throw new InvalidPipeline(
      `the layout has no ${misfit.type} buffer at binding ${misfit.binding}, which the shader uses`,
    );
  return { shader, source, label, bindings, layout };
}

const entryOf = ({ binding, type, leastBytes }: ShaderBinding): LayoutEntry => ({
  ...{ binding, type, dynamic: false, minBytes: leastBytes },
});

function sizeProblem({ entry, variables }: Shader, limits: GPUSupportedLimits): string | undefined {
  const [x, y, z] = entry.workgroupSize;
  const sizes = [
    [x, 'maxComputeWorkgroupSizeX'],
    [y, 'maxComputeWorkgroupSizeY'],
    [z, 'maxComputeWorkgroupSizeZ'],
    [x * y * z, 'maxComputeInvocationsPerWorkgroup'],
  ] as const;
  for (const [size, limit] of sizes)
    if (size > limits[limit]) return `workgroup size ${x} × ${y} × ${z} exceeds ${limit}, ${limits[limit]}`;
  const workgroup = variables.filter(({ space }) => space === 'workgroup');
  const bytes = workgroup.reduce((total, { type }) => total + Math.ceil(leastBytes(type) / 16) * 16, 0);
  const most = limits.maxComputeWorkgroupStorageSize;
  if (bytes > most)
    return `${bytes} bytes of workgroup memory exceed maxComputeWorkgroupStorageSize, ${most}`;
  return undefined;
}

function pipelineOf({ label, layout, bindings }: Plan, kernel: number): WasmComputePipeline {
  const places = bindings.map(({ binding }) =>
    layout.entries.findIndex((entry) => entry.binding === binding),
  );
  const same = places.length === layout.entries.length;
  return new WasmComputePipeline({ kernel, layout, bindings, places: same ? undefined : places }, label);
}

const messageOf = (error: unknown, label: string): string =>
  `createComputePipeline ${label}: ${error instanceof Error ? error.message : String(error)}`;

export function createComputePipeline(
  state: DeviceState,
  descriptor: GPUComputePipelineDescriptor,
): WasmComputePipeline {
  const { label = '' } = descriptor;
  try {
    const plan = planOf(state, descriptor);
    return pipelineOf(plan, state.executor.prepare(plan.shader, label, plan.source));
  } catch (error) {
    if (error instanceof TypeError) throw error;
    state.errors.invalid(messageOf(error, label));
    return new WasmComputePipeline(undefined, label);
  }
}

/** Make a pipeline without blocking. @throws PipelineError if it is invalid. */
export async function createComputePipelineAsync(
  state: DeviceState,
  descriptor: GPUComputePipelineDescriptor,
): Promise<WasmComputePipeline> {
  const { label = '' } = descriptor;
  try {
    const plan = planOf(state, descriptor);
    return pipelineOf(plan, await state.executor.prepareAsync(plan.shader, label, plan.source));
  } catch (error) {
    if (error instanceof TypeError) throw error;
    throw new PipelineError(messageOf(error, label));
  }
}

/** Return a pipeline as one of this adapter. @throws TypeError for any other. */
export function pipelineFrom(pipeline: GPUComputePipeline): WasmComputePipeline {
  if (pipeline instanceof WasmComputePipeline) return pipeline;
  throw new TypeError('the pipeline is of another adapter');
}
