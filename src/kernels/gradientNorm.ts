/**
 * The norm of all gradients together, and what is done with it: every optimiser scales the gradient to a largest norm as
 * PyTorch's `clip_grad_norm_` does, by min(1, maxNorm/(norm + 1e-6)), and leaves out steps with a gradient that is not
 * finite. The norm never leaves the GPU. (Tested on the bits: WGSL lets a compiler assume that NaN does not occur.)
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { CheckedPlace } from '../gpu/faults.ts';
import { defineKernel, GROUP_INDEX, launchOf, linearGrid, type Scalar, THREAD_ARGS } from '../gpu/kernel.ts';
import { walkElements } from '../gpu/perElement.ts';
import { chosenVariant, type Family, launchPlan, nextPowerOfTwo, type Variant } from '../gpu/variants.ts';
import { defaultsOf } from './defaults.ts';
import { sumAxes } from './reduce/index.ts';
import { SQUARES_WGSL } from './squares.ts';

/** Gradients that lie side by side in one buffer. */
export interface GradientArena {
  readonly gradients: BufferView;
  /** Values, a multiple of 4. */
  readonly size: number;
}

/** Vec4s that are summed up one after another. */
const PART_VECTORS = 16;
const THREADS = 64;

interface SquaresOptions {
  readonly x: BufferView;
  /** (parts,2), see squares.ts. */
  readonly parts: BufferView;
  /** Numbers of the first vec4 of x and of the one after its last, counted over all arenas. */
  readonly start: number;
  readonly end: number;
}

/** Squares of the vec4 `value`, to be added to a `sum`. */
const SQUARES_OF_VECTOR = `let scaled = value * ${2 ** -80};
    sum += vec2f(dot(value, value), dot(scaled, scaled));`;

/** Arenas lie end to end: where one begins inside a part, it goes on with the sum so far, to the bits of one arena. */
const threadKernel = defineKernel({
  name: 'sum of squares',
  params: { start: 'u32', end: 'u32' },
  reads: { x: 'array<vec4f>' },
  writes: { parts: 'array<vec2f>' },
  code: `
@compute @workgroup_size(${THREADS})
fn main(${THREAD_ARGS}) {
  let id = params.start / ${PART_VECTORS} + ${GROUP_INDEX} * ${THREADS} + thread;
  let first = max(id * ${PART_VECTORS}, params.start);
  if (first >= params.end) { return; }
  var sum = vec2f();
  if (first % ${PART_VECTORS} != 0) { sum = parts[id]; }
  for (var i = first; i < min((id + 1) * ${PART_VECTORS}, params.end); i++) {
    let value = x[i - params.start];
    ${SQUARES_OF_VECTOR}
  }
  parts[id] = sum;
}`,
});

/** Vec4s of a workgroup whose threads take neighbours. */
const BLOCK = THREADS * PART_VECTORS;

/** The same with neighbouring vec4s for neighbouring threads: a part has every 64th vec4 of a block. */
const blockKernel = defineKernel({
  name: 'sum of squares, neighbours',
  params: { start: 'u32', end: 'u32' },
  reads: { x: 'array<vec4f>' },
  writes: { parts: 'array<vec2f>' },
  code: `
@compute @workgroup_size(${THREADS})
fn main(${THREAD_ARGS}) {
  let block = (params.start / ${BLOCK} + ${GROUP_INDEX}) * ${BLOCK};
  if (block >= params.end) { return; }
  let id = block / ${PART_VECTORS} + thread;
  var sum = vec2f();
  if (block < params.start) { sum = parts[id]; }
  for (var i = block + thread; i < min(block + ${BLOCK}, params.end); i += ${THREADS}) {
    if (i < params.start) { continue; }
    let value = x[i - params.start];
    ${SQUARES_OF_VECTOR}
  }
  parts[id] = sum;
}`,
});

/** A kernel that sums squares up in parts. */
interface SquaresVariant extends Variant<SquaresOptions> {
  /** Return the number of parts of so many vec4s. */
  readonly partCount: (vectors: number) => number;
}

/** Return the variant whose workgroups take blocks of `block` vec4s, of which each makes `parts` parts. */
const squaresVariant = (
  name: string,
  kernel: typeof threadKernel,
  { block, parts }: { readonly block: number; readonly parts: number },
): SquaresVariant => ({
  name,
  fits: () => true,
  partCount: (vectors) => Math.ceil(vectors / block) * parts,
  plan: (_, { start, end, ...views }) => {
    const blocks = Math.ceil(end / block) - Math.floor(start / block);
    const workgroups = linearGrid(Math.ceil((blocks * parts) / THREADS));
    return launchOf(kernel, views, { params: { start, end }, workgroups });
  },
});
const byThread = squaresVariant('thread', threadKernel, { block: PART_VECTORS, parts: 1 });
const byBlock = squaresVariant('row', blockKernel, { block: BLOCK, parts: THREADS });

/** The kernels of the first pass over gradients. */
export const squaresFamily: Family<SquaresOptions, SquaresVariant> = {
  name: 'squares',
  shapeClass: ({ start, end }) => `${nextPowerOfTwo(end - start)}`,
  variants: [byThread, byBlock],
  portable: byThread.name,
  prefer: (device) => (defaultsOf(device).rows === 'row' ? byBlock : byThread).name,
};

/** squares (2) = Σ g² and Σ (2⁻⁸⁰·g)² over the gradients of all arenas: see squares.ts. */
function sumOfSquares(device: Device, arenas: readonly GradientArena[], squares: BufferView): void {
  const vectors = arenas.reduce((total, { size }) => total + size / 4, 0);
  // One variant for all arenas, since they share parts; its choice depends on their sum.
  const all = { x: squares, parts: squares, start: 0, end: vectors };
  const variant = chosenVariant(device, squaresFamily, all);
  const partCount = variant.partCount(vectors);
  const parts = device.allocate(partCount * 8);
  let start = 0;
  for (const { gradients: x, size } of arenas) {
    const end = start + size / 4;
    launchPlan(device, variant.plan(device, { x, parts, start, end }));
    start = end;
  }
  sumAxes(device, parts, squares, [partCount, 2], [0]);
  device.release(parts);
}

/** Parameters that `clippedStep` needs; `first` is 1 for the arena whose launch writes the report. */
export const CLIPPED_STEP_PARAMS = { vectors: 'u32', first: 'u32', maxNorm: 'f32' } as const;

/**
 * Let an optimiser's kernel run `update` (WGSL) for every vec4 `id` with the clipped gradient `g`. Needs
 * `CLIPPED_STEP_PARAMS` (a `maxNorm` of 0 turns clipping off), the buffers `gradient` and `squares`, and the `report`
 * it keeps: norm before clipping; steps skipped so far; steps skipped in a row.
 */
export const clippedStep = (update: string) => ({
  functions: SQUARES_WGSL,
  ...walkElements('vectors', {
    before: `let finite = isFinite(squares[0].y);
  let norm = rootOfSquares(squares[0]);
  if (${GROUP_INDEX} == 0 && thread == 0 && params.first == 1) {
    report[0] = norm;
    if (!finite) { report[1] += 1.0; report[2] += 1.0; } else { report[2] = 0.0; }
  }
  if (!finite) { return; }
  let clip = select(1.0, min(1.0, params.maxNorm / (norm + 1e-6)), params.maxNorm > 0.0);`,
  })`let g = gradient[id] * clip;\n${update}`,
});

/** Parts of a launch over one of several arenas, besides the arena. */
export interface ClippedLaunch {
  /** (2): of the gradients of all arenas, see squares.ts. */
  readonly squares: BufferView;
  readonly vectors: number;
  readonly first: number;
}

const expectFiniteKernel = defineKernel({
  name: 'expect finite gradients',
  params: { place: 'u32' },
  reads: { squares: 'array<vec2f>' },
  writes: { faults: 'array<atomic<u32>>' },
  code: `${SQUARES_WGSL}
@compute @workgroup_size(1)
fn main() {
  if (isFinite(squares[0].y)) { return; }
  atomicStore(&faults[params.place * 2], 1u);
  atomicStore(&faults[params.place * 2 + 1], bitcast<u32>(squares[0].y));
}`,
});

/** Lets reads of what depends on the sums of squares throw the error that `place` describes, if they are not finite. */
function expectFinite(device: Device, squares: BufferView, place: CheckedPlace): void {
  device.checked(place, squares, 'value', (faults, number) => {
    device.launch(expectFiniteKernel, { squares, faults }, { place: number }, linearGrid(1));
  });
}

/**
 * Runs `launch` for every arena, with the sums of squares of the gradients of all of them. What depends on them is in
 * doubt if a `place` is given: gradients that are not finite are an error there.
 */
export function launchClipped<Arena extends GradientArena>(
  device: Device,
  arenas: readonly Arena[],
  launch: (arena: Arena, options: ClippedLaunch) => void,
  place?: CheckedPlace,
): void {
  const squares = device.allocate(8);
  sumOfSquares(device, arenas, squares);
  if (place) expectFinite(device, squares, place);
  for (const [i, arena] of arenas.entries()) {
    const vectors = arena.size / 4;
    launch(arena, { squares, vectors, first: i === 0 ? 1 : 0 });
  }
  device.release(squares);
}

const clipNormKernel = defineKernel({
  name: 'clip gradient norm',
  params: { vectors: 'u32', maxNorm: 'f32' },
  reads: { squares: 'array<vec2f>' },
  writes: { gradient: 'array<vec4f>', norm: 'array<f32>' },
  functions: SQUARES_WGSL,
  ...walkElements('vectors', {
    before: `let total = rootOfSquares(squares[0]);
  if (${GROUP_INDEX} == 0 && thread == 0) { norm[0] = total; }
  // min need not keep a NaN.
  let clip = select(min(1.0, params.maxNorm / (total + 1e-6)), total, isNaN(total));`,
  })`gradient[id] *= clip;`,
});

/**
 * Scales all gradients in place to at most this norm; `norm` (1) is what it was. As in PyTorch a NaN makes all of them NaN,
 * and an infinity all others 0; with a `place` both are an error there.
 */
export function clipNorm(
  device: Device,
  arenas: readonly GradientArena[],
  norm: BufferView,
  maxNorm: Scalar,
  place?: CheckedPlace,
): void {
  const launch = ({ gradients: gradient }: GradientArena, { squares, vectors }: ClippedLaunch): void =>
    device.launch(clipNormKernel, { squares, gradient, norm }, { vectors, maxNorm });
  launchClipped(device, arenas, launch, place);
}

const clipValueKernel = defineKernel({
  name: 'clip gradient values',
  params: { vectors: 'u32', limit: 'f32' },
  reads: {},
  writes: { gradient: 'array<vec4f>' },
  ...walkElements('vectors')`let g = gradient[id];
    let isNan = (bitcast<vec4u>(g) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
    gradient[id] = select(clamp(g, vec4f(-params.limit), vec4f(params.limit)), g, isNan);`,
});

/** Limits `count` gradients (a multiple of 4) in place to [−limit, limit]; NaN stays. */
export function clipValue(device: Device, gradient: BufferView, count: number, limit: Scalar): void {
  const vectors = count / 4;
  device.launch(clipValueKernel, { gradient }, { vectors, limit });
}
