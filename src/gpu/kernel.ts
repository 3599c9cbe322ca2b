/**
 * A kernel as data: its WGSL body plus the names and types of what it binds. The declarations are generated from
 * the same tables that type-check every launch, so a binding cannot be misspelt or passed in the wrong order.
 */
import type { BufferView } from './buffers.ts';

/** A WGSL type of a kernel's parameter. */
export type ScalarType = 'u32' | 'i32' | 'f32';

/** A kernel's parameter: a number, or a function that is called at the launch and again before every replay of it. */
export type Scalar = number | (() => number);

/** Return the value of a scalar now. */
export const scalarValue = (scalar: Scalar): number => (typeof scalar === 'number' ? scalar : scalar());

/** What a kernel is made from. */
export interface KernelSpec<Buffer extends string, Param extends string> {
  /** Shown in errors, labels and profiles. */
  readonly name: string;
  /** Read-only storage buffers: name → WGSL type, e.g. `array<vec4f>`. */
  readonly reads: Readonly<Partial<Record<Buffer, string>>>;
  /** Storage buffers the kernel writes (and may read). One buffer must not appear on both sides of a launch. */
  readonly writes: Readonly<Partial<Record<Buffer, string>>>;
  /** Scalars passed by value: name → type, read in WGSL as `params.name`. */
  readonly params: Readonly<Record<Param, ScalarType>>;
  /** WGSL extensions, e.g. `subgroups`. */
  readonly enables?: readonly string[];
  /** Functions and constants, with an entry point called `main`. */
  readonly code: string;
  /** Floating-point operations of a launch with these parameters, where they are what limits it. */
  readonly flops?: (params: Readonly<Record<Param, number>>) => number;
}

/** A kernel that can be launched, as `defineKernel` makes it. */
export interface Kernel<Buffer extends string = string, Param extends string = string> {
  readonly name: string;
  readonly bufferNames: readonly Buffer[];
  readonly written: readonly boolean[];
  readonly paramNames: readonly Param[];
  readonly paramTypes: readonly ScalarType[];
  /** Size of the uniform block in bytes, a multiple of 16; 0 without parameters. */
  readonly paramBytes: number;
  readonly wgsl: string;
  /** Floating-point operations of a launch, where the kernel says. */
  readonly flops: ((params: Readonly<Record<Param, number>>) => number) | undefined;
}

/** How many workgroups to launch in x, y and z; 1 unless given. */
export type Workgroups = readonly [number, number?, number?];

/** A kernel with everything that it is launched with. */
export interface Launch {
  readonly kernel: Kernel;
  readonly buffers: Readonly<Record<string, BufferView>>;
  readonly params: Readonly<Record<string, Scalar>>;
  readonly workgroups: Workgroups;
}

/** Freezes a kernel: generates the declarations of its bindings and joins them to its code. */
export function defineKernel<Buffer extends string, Param extends string>(
  spec: KernelSpec<Buffer, Param>,
): Kernel<Buffer, Param> {
  const reads = Object.keys(spec.reads) as Buffer[];
  const writes = Object.keys(spec.writes) as Buffer[];
  const paramNames = Object.keys(spec.params) as Param[];
  const binding = (name: Buffer, access: string, index: number): string =>
    `@group(0) @binding(${index + 1}) var<storage, ${access}> ${name}: ${spec.reads[name] ?? spec.writes[name]};`;
  const declarations = [
    ...(spec.enables ?? []).map((name) => `enable ${name};`),
    ...(paramNames.length > 0
      ? [
          `struct Params { ${paramNames.map((name) => `${name}: ${spec.params[name]}`).join(', ')} }`,
          '@group(0) @binding(0) var<uniform> params: Params;',
        ]
      : []),
    ...reads.map((name, i) => binding(name, 'read', i)),
    ...writes.map((name, i) => binding(name, 'read_write', reads.length + i)),
  ];
  return {
    name: spec.name,
    bufferNames: [...reads, ...writes],
    written: [...reads.map(() => false), ...writes.map(() => true)],
    paramNames,
    paramTypes: paramNames.map((name) => spec.params[name]),
    paramBytes: Math.ceil((paramNames.length * 4) / 16) * 16,
    wgsl: `${declarations.join('\n')}\n${spec.code}`,
    flops: spec.flops,
  };
}

/**
 * Remember what `make` returns for its arguments: strings, numbers, booleans, and objects of them. One variant of a
 * kernel is one object (and one pipeline).
 */
export function memoize<Args extends readonly (string | number | boolean | object)[], Result>(
  make: (...args: Args) => Result,
): (...args: Args) => Result {
  const made = new Map<string, Result>();
  return (...args) => {
    const key = JSON.stringify(args);
    let result = made.get(key);
    if (result === undefined) {
      result = make(...args);
      made.set(key, result);
    }
    return result;
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

/** Elements that a workgroup of 64 threads walks. */
const WALK = 512;
/** Threads that walk a stretch of neighbouring elements together: from one element of a thread to its next. */
export const ABREAST = 8;
/** The grid of a kernel whose entry point walks `count` elements. */
export const walkGrid = (count: number): readonly [number, number, number] =>
  linearGrid(Math.ceil(count / WALK));

/** Where a walk starts, and WGSL that comes after a thread's first `id` is known. */
export interface WalkOptions {
  readonly start?: string;
  readonly setup?: string;
}

/**
 * WGSL that runs `body` for elements `id` from `start` (0) to below `end`. A software driver pays for every thread it
 * starts: at eight elements a thread it takes half the time of one. Eight threads walk 64 neighbours: with steps of all 64
 * threads, what is read and what is written soon lie a multiple of 4 KB apart, which CPUs take for the same place.
 */
export const walk = (body: string, end: string, { start = '0u', setup = '' }: WalkOptions = {}): string => `
  let stretch = ${start} + ${GROUP_INDEX} * ${WALK} + thread / ${ABREAST} * ${WALK / ABREAST};
  var id = stretch + thread % ${ABREAST};
  ${setup}
  for (; id < min(stretch + ${WALK / ABREAST}, ${end}); id += ${ABREAST}) {
    ${body}
  }`;

/** WGSL text repeated for i = 0 … count − 1: loops over registers, which must not be indexed at run time. */
export function unroll(count: number, text: (i: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, i) => text(i)).join(separator);
}
