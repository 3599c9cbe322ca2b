/**
 * A kernel as data: its WGSL body plus the names and types of what it binds. The declarations are generated from
 * the same tables that type-check every launch, so a binding cannot be misspelt or passed in the wrong order.
 */
import { GpuError } from '../base/errors.ts';
import type { BufferView } from './buffers.ts';

/** A WGSL type of a kernel's parameter. */
export type ScalarType = 'u32' | 'i32' | 'f32';

/** A kernel's parameter: a number, or a function that is called at the launch and again before every replay of it. */
export type Scalar = number | (() => number);

/** Return the value of a scalar now. */
export const scalarValue = (scalar: Scalar): number => (typeof scalar === 'number' ? scalar : scalar());

/** Names and WGSL types of storage buffers, e.g. `array<vec4f>`; undefined for one that this form of the kernel lacks. */
export type BindingTypes = Readonly<Record<string, string | undefined>>;

/** Buffers by the names that kernels bind them by. */
export type AnyBindings = Readonly<Record<string, BufferView | undefined>>;

/** The names whose type admits undefined. */
export type OptionalNames<Types> = {
  [Name in keyof Types]: undefined extends Types[Name] ? Name : never;
}[keyof Types];

/** Buffers that a launch binds: all that the kernel names, but that those which it may lack can be left out. */
export type BindingsOf<Types> = {
  readonly [Name in Exclude<keyof Types, OptionalNames<Types>>]: BufferView;
} & { readonly [Name in OptionalNames<Types> & keyof Types]?: BufferView | undefined };

/** The specification of a kernel. */
export interface KernelSpec<Reads extends BindingTypes, Writes extends BindingTypes, Param extends string> {
  /** Shown in errors, labels and profiles. */
  readonly name: string;
  /** Read-only storage buffers. */
  readonly reads: Reads;
  /** Storage buffers the kernel writes (and may read). One buffer must not appear on both sides of a launch. */
  readonly writes: Writes;
  /** Scalars passed by value: name → type, read in WGSL as `params.name`. */
  readonly params: Readonly<Record<Param, ScalarType>>;
  /** WGSL extensions, e.g. `subgroups`. */
  readonly enables?: readonly string[];
  /** WGSL functions and constants that `code` uses. */
  readonly functions?: string;
  /** WGSL with an entry point called `main`. */
  readonly code: string;
  /** Workgroups of a launch with these parameters; without it every launch says them. */
  readonly grid?: (params: Readonly<Record<NoInfer<Param>, Scalar>>) => Workgroups;
  /** Floating-point operations of a launch with these parameters, where they are what limits it. */
  readonly flops?: (params: Readonly<Record<NoInfer<Param>, number>>) => number;
}

/** A kernel that can be launched, as `defineKernel` makes it. */
export interface Kernel<Bindings extends AnyBindings = AnyBindings, Param extends string = string> {
  readonly name: string;
  readonly bufferNames: readonly (keyof Bindings & string)[];
  readonly written: readonly boolean[];
  readonly paramNames: readonly Param[];
  readonly paramTypes: readonly ScalarType[];
  /** Size of the uniform block in bytes, a multiple of 16; 0 without parameters. */
  readonly paramBytes: number;
  /** True if it uses subgroups. */
  readonly usesSubgroups: boolean;
  readonly wgsl: string;
  /** Workgroups of a launch, where they follow from its parameters. */
  grid?(params: Readonly<Record<Param, Scalar>>): Workgroups;
  /** Floating-point operations of a launch, where the kernel says. */
  flops?(params: Readonly<Record<Param, number>>): number;
}

/** Number of workgroups in x, y and z. Default: 1. */
export type Workgroups = readonly [number, number?, number?];

/** A kernel with everything that it is launched with. */
export interface Launch {
  readonly kernel: Kernel;
  readonly buffers: AnyBindings;
  readonly params: Readonly<Record<string, Scalar>>;
  readonly workgroups: Workgroups;
  /** A second pass, which runs after it. */
  readonly next?: Launch;
}

/** Bind a kernel: names of buffers and parameters are checked as in `device.launch`. */
export function launchOf<Bindings extends AnyBindings, Param extends string>(
  kernel: Kernel<Bindings, Param>,
  buffers: NoInfer<Bindings>,
  sizes: { readonly params: Readonly<Record<NoInfer<Param>, Scalar>>; readonly workgroups: Workgroups },
): Launch {
  return { kernel, buffers, ...sizes };
}

/** A launch with its views in the order of the kernel's bindings. */
export interface Dispatch extends Omit<Launch, 'buffers' | 'next'> {
  readonly views: readonly BufferView[];
}

/** Put the views of a launch in order. @throws GpuError if one is missing. */
export function dispatchOf({ kernel, buffers, params, workgroups }: Launch): Dispatch {
  const views = kernel.bufferNames.map((name) => {
    const view = buffers[name];
    if (view) return view;
    throw new GpuError(`${kernel.name}: nothing is bound as '${name}'`, {
      code: 'MISSING_BINDING',
      where: kernel.name,
      fix: `launch it with a buffer of that name`,
    });
  });
  return { kernel, views, params, workgroups };
}

/** Return the workgroups of a launch that does not say them. @throws GpuError if they do not follow from its parameters. */
export function gridOf<Param extends string>(
  kernel: Kernel<never, Param>,
  params: Readonly<Record<Param, Scalar>>,
): Workgroups {
  if (kernel.grid) return kernel.grid(params);
  throw new GpuError(`${kernel.name}: the launch does not say how many workgroups`, {
    code: 'MISSING_GRID',
    where: kernel.name,
    fix: 'give their number, or define the kernel by perElement',
  });
}

/** Return the names of a table; `Object.keys` does not know them. */
const namesOf = <Name extends string>(entries: readonly (readonly [string, unknown])[]): Name[] =>
  entries.map(([name]) => name as Name);

/** Freeze a kernel: generate the declarations of its bindings and join them to its code. */
export function defineKernel<
  const Reads extends BindingTypes,
  const Writes extends BindingTypes,
  Param extends string,
>(spec: KernelSpec<Reads, Writes, Param>): Kernel<BindingsOf<Reads & Writes>, Param> {
  const present = (types: BindingTypes): [string, string][] =>
    Object.entries(types).flatMap(([name, type]) => (type === undefined ? [] : [[name, type]]));
  const [reads, writes] = [present(spec.reads), present(spec.writes)];
  const paramNames = namesOf<Param>(Object.entries(spec.params));
  const declarations = [
    ...(spec.enables ?? []).map((name) => `enable ${name};`),
    ...(paramNames.length > 0
      ? [
          `struct Params { ${paramNames.map((name) => `${name}: ${spec.params[name]}`).join(', ')} }`,
          '@group(0) @binding(0) var<uniform> params: Params;',
        ]
      : []),
    ...[...reads, ...writes].map(
      ([name, type], i) =>
        `@group(0) @binding(${i + 1}) var<storage, ${i < reads.length ? 'read' : 'read_write'}> ${name}: ${type};`,
    ),
  ];
  return {
    name: spec.name,
    written: [...reads.map(() => false), ...writes.map(() => true)],
    bufferNames: namesOf([...reads, ...writes]),
    paramNames,
    paramTypes: paramNames.map((name) => spec.params[name]),
    paramBytes: Math.ceil((paramNames.length * 4) / 16) * 16,
    usesSubgroups: spec.enables?.includes('subgroups') ?? false,
    wgsl: `${declarations.join('\n')}\n${spec.functions ?? ''}${spec.code}`,
    ...(spec.grid && { grid: spec.grid }),
    ...(spec.flops && { flops: spec.flops }),
  };
}

const MAX_GROUPS = 65_535;

/**
 * Workgroup counts for `groups` workgroups in a row, folded into two dimensions where WebGPU's limit of 65,535 per
 * dimension requires it. Kernels launched this way number their group with `GROUP_INDEX`, and must ignore the few
 * groups past the end that folding adds.
 */
export function linearGrid(groups: number): readonly [number, number, number] {
  if (groups <= MAX_GROUPS) return [groups, 1, 1];
  const rows = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}

/** Parameters of an entry point that uses `GROUP_INDEX`. */
export const GROUP_ARGS = '@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u';
/** This workgroup's number in a `linearGrid`. */
export const GROUP_INDEX = '(group.x + group.y * groups.x)';
/** Parameters of an entry point that also numbers its `thread` within the workgroup. */
export const THREAD_ARGS = `${GROUP_ARGS}, @builtin(local_invocation_index) thread: u32`;

/** WGSL text repeated for i = 0 … count − 1: loops over registers, which must not be indexed at run time. */
export function unroll(count: number, text: (i: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, i) => text(i)).join(separator);
}
