/**
 * Entry points and grids of kernels that compute one element after another, each by itself: what is written for such a
 * kernel is what becomes of element `id`.
 */
import {
  type BindingTypes,
  GROUP_INDEX,
  type KernelSpec,
  linearGrid,
  type Scalar,
  THREAD_ARGS,
} from './kernel.ts';

/** The parts of a kernel's spec that follow from its elements. */
type ElementSpec<Param extends string> = Required<
  Pick<KernelSpec<BindingTypes, BindingTypes, Param>, 'code' | 'grid'>
>;

/** Layout of the elements of a kernel. */
export interface ElementOptions {
  /** Name of the element's number in WGSL; `id` unless given. */
  readonly id?: string;
  /** The counted values that an element stands for; 1 unless given. */
  readonly each?: number;
  /** Threads of a workgroup; 64 unless given. */
  readonly threads?: number;
}

/** Return the grid's number of a parameter. A replay cannot change a grid. @throws Error if the parameter is a function. */
function fixed(name: string, value: Scalar): number {
  if (typeof value === 'number') return value;
  throw new Error(`${name} is a function: the number of elements of a launch is a number`);
}

/** WGSL in a tagged template: `code` of a kernel without its entry point. */
type Body = (strings: readonly string[], ...values: readonly (string | number)[]) => string;
const joined: Body = (raw, ...values) => String.raw({ raw }, ...values);

/** Tag of the template that says what becomes of an element. */
export type ElementBody<Param extends string> = (...body: Parameters<Body>) => ElementSpec<Param>;

/**
 * Give every element a thread: the template that follows is its WGSL, and may `return` early.
 * @param counts the parameters whose product is the number of values.
 */
export function perElement<Param extends string>(
  counts: Param | readonly Param[],
  { id = 'id', each = 1, threads = 64 }: ElementOptions = {},
): ElementBody<Param> {
  const names = typeof counts === 'string' ? [counts] : counts;
  const end = names.map((name) => `params.${name}`).join(' * ');
  return (...body) => ({
    code: `
@compute @workgroup_size(${threads})
fn main(${THREAD_ARGS}) {
  let ${id} = ${GROUP_INDEX} * ${threads} + thread;
  if (${id}${each > 1 ? ` * ${each}` : ''} >= ${end}) { return; }
  ${joined(...body)}
}`,
    grid: (params) => {
      const count = names.reduce((product, name) => product * fixed(name, params[name]), 1);
      return linearGrid(Math.ceil(count / (each * threads)));
    },
  });
}

/** Elements that a workgroup of 64 threads walks. */
const WALK = 512;
/** Threads that walk a stretch of neighbouring elements together: from one element of a thread to its next. */
export const ABREAST = 8;

/** Bounds of a walk, and WGSL around its loop. */
export interface WalkOptions<Param extends string> {
  /** Parameter that counts the elements before the first one. */
  readonly start?: Param | undefined;
  /** WGSL at the beginning of the entry point. */
  readonly before?: string;
  /** WGSL that comes after a thread's first `id` is known. */
  readonly setup?: string;
}

/**
 * Let every thread walk eight elements `id`, up to the one that the parameter `end` counts. A software driver pays for every
 * thread it starts: at eight elements a thread it takes half the time of one. Eight threads walk 64 neighbours: with steps
 * of all 64 threads, what is read and what is written soon lie a multiple of 4 KB apart, which CPUs take for the same place.
 * The template that follows is the WGSL of the loop's body.
 */
export function walkElements<Param extends string>(
  end: Param,
  { start, before = '', setup = '' }: WalkOptions<Param> = {},
): ElementBody<Param> {
  return (...body) => ({
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  ${before}
  let stretch = ${start ? `params.${start}` : '0u'} + ${GROUP_INDEX} * ${WALK} + thread / ${ABREAST} * ${WALK / ABREAST};
  var id = stretch + thread % ${ABREAST};
  ${setup}
  for (; id < min(stretch + ${WALK / ABREAST}, params.${end}); id += ${ABREAST}) {
    ${joined(...body)}
  }
}`,
    grid: (params) => {
      const first = start ? fixed(start, params[start]) : 0;
      return linearGrid(Math.ceil((fixed(end, params[end]) - first) / WALK));
    },
  });
}
