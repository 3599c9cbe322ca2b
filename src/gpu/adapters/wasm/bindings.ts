/** Bind group layouts, pipeline layouts and bind groups. Only buffers of group 0 are bound: the engine's kernels need no more. */
import { bufferOf, WasmBuffer } from './buffers.ts';
import { BufferUsage, ShaderStage } from './constants.ts';
import type { Range } from './executor.ts';
import { type DeviceState, nameOf, rangeProblem } from './state.ts';

/** A buffer that shaders bind. */
export interface LayoutEntry {
  readonly binding: number;
  readonly type: GPUBufferBindingType;
  readonly dynamic: boolean;
  /** Minimum bytes, which a bind group must have; 0 if each dispatch is checked instead. */
  readonly minBytes: number;
}

export class WasmBindGroupLayout implements GPUBindGroupLayout {
  declare readonly __brand: 'GPUBindGroupLayout';
  label: string;
  /** In ascending order of their bindings. */
  readonly entries: readonly LayoutEntry[];
  readonly isValid: boolean;
  /** True if it belongs to one pipeline, which made it from its shader. */
  readonly isExclusive: boolean;
  /** Places of the entries with a dynamic offset among `entries`. */
  readonly dynamic: readonly number[];

  constructor(entries: readonly LayoutEntry[], { label = '', isValid = true, isExclusive = false } = {}) {
    this.label = label;
    this.entries = entries.toSorted((a, b) => a.binding - b.binding);
    this.isValid = isValid;
    this.isExclusive = isExclusive;
    this.dynamic = this.entries.flatMap(({ dynamic }, i) => (dynamic ? [i] : []));
  }

  /** Return true if bind groups of `other` can be used in place of its own. */
  equals(other: WasmBindGroupLayout): boolean {
    if (this === other) return true;
    if (this.isExclusive || other.isExclusive) return false;
    return JSON.stringify(this.entries) === JSON.stringify(other.entries);
  }
}

function entriesProblem(
  entries: readonly GPUBindGroupLayoutEntry[],
  limits: GPUSupportedLimits,
): string | undefined {
  const bindings = entries.map(({ binding }) => binding);
  if (new Set(bindings).size < bindings.length) return 'two entries have the same binding';
  const other = entries.find(({ buffer }) => !buffer);
  if (other) return `binding ${other.binding} is no buffer: this adapter has no textures and samplers`;
  const elsewhere = entries.find(({ visibility }) => visibility !== ShaderStage.COMPUTE);
  if (elsewhere) return `binding ${elsewhere.binding} is visible to other stages than COMPUTE`;
  const uniform = entries.filter(({ buffer }) => (buffer?.type ?? 'uniform') === 'uniform').length;
  const { maxUniformBuffersPerShaderStage: mostUniform, maxStorageBuffersPerShaderStage: mostStorage } =
    limits;
  if (uniform > mostUniform)
    return `${uniform} uniform buffers exceed maxUniformBuffersPerShaderStage, ${mostUniform}`;
  const storage = entries.length - uniform;
  if (storage > mostStorage)
    return `${storage} storage buffers exceed maxStorageBuffersPerShaderStage, ${mostStorage}`;
  return undefined;
}

export function createBindGroupLayout(
  { errors, limits }: DeviceState,
  { entries: given, label = '' }: GPUBindGroupLayoutDescriptor,
): WasmBindGroupLayout {
  const entries = [...given];
  const problem = entriesProblem(entries, limits);
  if (problem !== undefined) errors.invalid(`createBindGroupLayout ${label}: ${problem}`);
  const known = entries.map(({ binding, buffer }) => ({
    binding,
    type: buffer?.type ?? 'uniform',
    dynamic: buffer?.hasDynamicOffset ?? false,
    minBytes: buffer?.minBindingSize ?? 0,
  }));
  return new WasmBindGroupLayout(known, { label, isValid: problem === undefined });
}

/** Return a layout as one of this adapter. @throws TypeError for any other. */
function layoutOf(layout: GPUBindGroupLayout): WasmBindGroupLayout {
  if (layout instanceof WasmBindGroupLayout) return layout;
  throw new TypeError('the bind group layout is of another adapter');
}

export class WasmPipelineLayout implements GPUPipelineLayout {
  declare readonly __brand: 'GPUPipelineLayout';
  label: string;
  readonly group: WasmBindGroupLayout;
  readonly isValid: boolean;

  constructor(group: WasmBindGroupLayout, label: string, isValid = group.isValid) {
    this.label = label;
    this.group = group;
    this.isValid = isValid;
  }
}

export function createPipelineLayout(
  { errors }: DeviceState,
  { bindGroupLayouts, label = '' }: GPUPipelineLayoutDescriptor,
): WasmPipelineLayout {
  const [first, ...others] = bindGroupLayouts;
  const group = first ? layoutOf(first) : new WasmBindGroupLayout([]);
  if (others.length === 0 && group.isValid) return new WasmPipelineLayout(group, label);
  const problem = group.isValid
    ? `${others.length + 1} bind groups exceed maxBindGroups, 1`
    : `${nameOf('bind group layout', group)} is invalid`;
  errors.invalid(`createPipelineLayout ${label}: ${problem}`);
  return new WasmPipelineLayout(group, label, false);
}

/** A bound buffer, with the bytes that are bound. */
interface Bound {
  readonly buffer: WasmBuffer;
  readonly offset: number;
  readonly bytes: number;
}

export class WasmBindGroup implements GPUBindGroup {
  declare readonly __brand: 'GPUBindGroup';
  label: string;
  readonly layout: WasmBindGroupLayout;
  readonly isValid: boolean;
  /** Bound ranges, in the order of the layout's entries. Without dynamic offsets. */
  readonly ranges: readonly Range[];
  readonly buffers: readonly WasmBuffer[];
  /** The reason why no dispatch can use it: a buffer that is bound as writable is bound otherwise too. */
  readonly conflict: string | undefined;
  readonly #bound: readonly Bound[];

  constructor(layout: WasmBindGroupLayout, bound: readonly Bound[], label: string, isValid: boolean) {
    this.label = label;
    this.layout = layout;
    this.isValid = isValid;
    this.#bound = bound;
    this.buffers = bound.map(({ buffer }) => buffer);
    this.ranges = bound.map(({ buffer, offset, bytes }) => ({
      address: buffer.range.address + offset,
      bytes,
    }));
    this.conflict = isValid ? conflictOf(layout, bound) : undefined;
  }

  /** Return the problem with dynamic offsets; undefined if they fit. */
  offsetsProblem(offsets: readonly number[], limits: GPUSupportedLimits): string | undefined {
    const { dynamic, entries } = this.layout;
    if (offsets.length !== dynamic.length)
      return `${offsets.length} dynamic offsets for ${dynamic.length} bindings that take one`;
    for (const [i, place] of dynamic.entries()) {
      const [entry, bound, dynamicOffset = 0] = [entries[place], this.#bound[place], offsets[i]];
      if (!entry || !bound) continue;
      const { buffer, offset, bytes } = bound;
      const within = { size: buffer.size, alignment: alignmentOf(entry.type, limits) };
      const problem = rangeProblem(offset + dynamicOffset, bytes, within);
      if (problem !== undefined) return `dynamic offset of binding ${entry.binding}: ${problem}`;
    }
    return undefined;
  }

  /** Return the bound ranges with dynamic offsets that fit. */
  rangesAt(offsets: readonly number[]): readonly Range[] {
    if (offsets.length === 0) return this.ranges;
    const ranges = [...this.ranges];
    for (const [i, place] of this.layout.dynamic.entries()) {
      const range = ranges[place];
      if (range) ranges[place] = { address: range.address + (offsets[i] ?? 0), bytes: range.bytes };
    }
    return ranges;
  }
}

const alignmentOf = (type: GPUBufferBindingType, limits: GPUSupportedLimits): number =>
  type === 'uniform' ? limits.minUniformBufferOffsetAlignment : limits.minStorageBufferOffsetAlignment;

/** Return the first buffer that is written through one binding and used through another at the same bytes, or only read. */
function conflictOf({ entries }: WasmBindGroupLayout, bound: readonly Bound[]): string | undefined {
  for (const [i, written] of bound.entries()) {
    if (entries[i]?.type !== 'storage') continue;
    const j = bound.findIndex((other, j) => {
      if (j === i || other.buffer !== written.buffer) return false;
      if (entries[j]?.type !== 'storage') return true;
      return other.offset < written.offset + written.bytes && written.offset < other.offset + other.bytes;
    });
    if (j >= 0)
      return `${nameOf('buffer', written.buffer)} is bound as writable at ${entries[i]?.binding} and again at ${entries[j]?.binding}`;
  }
  return undefined;
}

function boundOf({ resource }: GPUBindGroupEntry): Bound | undefined {
  if (resource instanceof WasmBuffer) return { buffer: resource, offset: 0, bytes: resource.size };
  if (!('buffer' in resource)) return undefined;
  const { offset = 0, size } = resource;
  const buffer = bufferOf(resource.buffer);
  return { buffer, offset, bytes: size ?? Math.max(0, buffer.size - offset) };
}

function boundProblem(
  { type, minBytes }: LayoutEntry,
  { buffer, offset, bytes }: Bound,
  limits: GPUSupportedLimits,
): string | undefined {
  if (!buffer.isValid) return `${nameOf('buffer', buffer)} is invalid`;
  const usage = type === 'uniform' ? 'UNIFORM' : 'STORAGE';
  if ((buffer.usage & BufferUsage[usage]) === 0)
    return `the usage of ${nameOf('buffer', buffer)} lacks ${usage}`;
  if (bytes === 0) return 'no bytes are bound';
  const limit = type === 'uniform' ? 'maxUniformBufferBindingSize' : 'maxStorageBufferBindingSize';
  if (bytes > limits[limit]) return `${bytes} bytes exceed ${limit}, ${limits[limit]}`;
  if (type !== 'uniform' && bytes % 4 !== 0) return `${bytes} bytes are not a multiple of 4`;
  if (bytes < minBytes) return `${bytes} bytes are less than minBindingSize, ${minBytes}`;
  return rangeProblem(offset, bytes, { size: buffer.size, alignment: alignmentOf(type, limits) });
}

function groupProblem(
  layout: WasmBindGroupLayout,
  entries: readonly GPUBindGroupEntry[],
  limits: GPUSupportedLimits,
): string | undefined {
  if (!layout.isValid) return `${nameOf('bind group layout', layout)} is invalid`;
  if (entries.length !== layout.entries.length)
    return `${entries.length} entries for a layout of ${layout.entries.length}`;
  for (const expected of layout.entries) {
    const entry = entries.find(({ binding }) => binding === expected.binding);
    if (!entry) return `binding ${expected.binding} of the layout is missing`;
    const bound = boundOf(entry);
    if (!bound) return `binding ${expected.binding} is no buffer`;
    const problem = boundProblem(expected, bound, limits);
    if (problem !== undefined) return `binding ${expected.binding}: ${problem}`;
  }
  return undefined;
}

export function createBindGroup(
  { errors, limits }: DeviceState,
  { layout: given, entries: givenEntries, label = '' }: GPUBindGroupDescriptor,
): WasmBindGroup {
  const layout = layoutOf(given);
  const entries = [...givenEntries].sort((a, b) => a.binding - b.binding);
  const problem = groupProblem(layout, entries, limits);
  if (problem !== undefined) errors.invalid(`createBindGroup ${label}: ${problem}`);
  const bound = entries.flatMap((entry) => boundOf(entry) ?? []);
  return new WasmBindGroup(layout, bound, label, problem === undefined);
}

/** Return a bind group as one of this adapter. @throws TypeError for any other. */
export function bindGroupOf(group: GPUBindGroup): WasmBindGroup {
  if (group instanceof WasmBindGroup) return group;
  throw new TypeError('the bind group is of another adapter');
}
