/**
 * Running totals along one axis of a tensor seen as (outer, length, inner), one row of a table each. A thread runs
 * through a block of a row; where a row has several blocks, their totals are made first and scanned in the same way,
 * so that every block starts from the right one. A value goes through some 30 roundings for every 256 before it, not 256.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { cascade } from './cascade.ts';

const LEVELS = 4;
/** Values that a thread runs through, and those after which it begins a total anew, to keep the roundings few. */
const BLOCK = 4 ** LEVELS;
const RUN = 16;

interface Scan {
  readonly reads: Readonly<Record<string, string>>;
  readonly total: 'f32' | 'u32' | 'vec2f';
  readonly initial: string;
  /** Contribution of the element at `at`; `first` is true for the first scanned element. */
  readonly load: string;
  /** The `total` with `v` taken in. */
  readonly combine: string;
  /** The result, of `total`. `last` is whether the element is the last one scanned. */
  readonly result: 'f32' | 'u32' | 'vec2f';
  readonly finish: string;
}

const SUM = {
  reads: { x: 'array<f32>' },
  total: 'f32',
  initial: '0.0',
  load: 'x[at]',
  combine: 'total + v',
  result: 'f32',
  finish: 'total',
} as const;
const INTEGER = { reads: { x: 'array<u32>' }, total: 'u32', result: 'u32' } as const;

const TABLE = {
  sum: SUM,
  prod: { ...SUM, initial: '1.0', combine: 'total * v' },
  /** Integers wrap; the words of i32 and u32 do the same. */
  integerSum: { ...SUM, ...INTEGER, initial: '0u' },
  integerProd: { ...SUM, ...INTEGER, initial: '1u', combine: 'total * v' },
  /**
   * The gradient of the running product y of x, scanned from the end: dxᵢ = yᵢ₋₁·gᵢ with gᵢ = dyᵢ + xᵢ₊₁·gᵢ₊₁, which
   * never divides. An element stands for the map g ↦ v.x·g + v.y, and a total for all maps so far, one after the other.
   */
  prodGradient: {
    reads: { x: 'array<f32>', y: 'array<f32>', dy: 'array<f32>' },
    total: 'vec2f',
    initial: 'vec2f(1.0, 0.0)',
    load: 'vec2f(nextOf(at, first), dy[at])',
    combine: 'vec2f(v.x * total.x, v.x * total.y + v.y)',
    result: 'f32',
    finish: 'beforeOf(at, last) * total.y',
  },
} as const satisfies Record<string, Scan>;

const NEIGHBOURS_WGSL = `
fn nextOf(at: u32, first: bool) -> f32 { if (first) { return 0.0; } return x[at + params.inner]; }
fn beforeOf(at: u32, last: bool) -> f32 { if (last) { return 1.0; } return y[at - params.inner]; }`;

export type ScanName = keyof typeof TABLE;

const TOTALS_OF: Readonly<Record<Scan['total'], Scan['reads']>> = {
  f32: { x: 'array<f32>' },
  u32: { x: 'array<u32>' },
  vec2f: { x: 'array<vec2f>' },
};

const totalOf = (initial: string): string => `${cascade({
  totals: { total: initial },
  value: (_, i) => `valueAt(${i}, row)`,
  from: 'start',
  to: 'end',
  levels: LEVELS,
  combine: (a, b) => `combined(${a}, ${b})`,
})}
  out[id] = total;`;

const runningTotals = (initial: string, finish: string): string => `var before = ${initial};
  if (block > 0) { before = carries[id - params.inner]; }
  var here = ${initial};
  for (var i = start; i < end; i++) {
    let begins = i % ${RUN} == 0;
    before = select(before, combined(before, here), begins);
    here = combined(select(here, ${initial}, begins), valueAt(i, row));
    let total = combined(before, here);
    let last = i == params.length - 1;
    let at = atOf(i, row);
    out[at] = ${finish};
  }`;

interface Form {
  readonly name: ScanName;
  /** Scans totals of blocks instead of elements. */
  readonly ofTotals: boolean;
  /** Writes the totals of the blocks instead of results. */
  readonly writesTotals: boolean;
}

const scanKernel = memoize(({ name, ofTotals, writesTotals }: Form) => {
  const { reads, total, initial, load, combine, result, finish } = TABLE[name];
  const values: Scan['reads'] = ofTotals ? TOTALS_OF[total] : reads;
  const elements = !ofTotals && name === 'prodGradient';
  return defineKernel({
    name: `scan ${name}${ofTotals ? ' of totals' : ''}${writesTotals ? ', totals' : ''}`,
    params: { outer: 'u32', length: 'u32', inner: 'u32', blocks: 'u32', backwards: 'u32' },
    reads: {
      ...values,
      carries: writesTotals ? undefined : `array<${total}>`,
    },
    writes: { out: `array<${ofTotals || writesTotals ? total : result}>` },
    functions: `${elements ? NEIGHBOURS_WGSL.slice(0, writesTotals ? NEIGHBOURS_WGSL.indexOf('\nfn beforeOf') : undefined) : ''}
fn atOf(i: u32, row: u32) -> u32 {
  return row + select(i, params.length - 1 - i, params.backwards == 1) * params.inner;
}
fn valueAt(i: u32, row: u32) -> ${total} {
  let first = i == 0;
  let at = atOf(i, row);
  return ${ofTotals ? 'x[at]' : load};
}
fn combined(total: ${total}, v: ${total}) -> ${total} { return ${combine}; }`,
    ...perElement(['outer', 'blocks', 'inner'])`// Rows of totals have the same order: (outer, blocks, inner).
  let column = id % params.inner;
  let block = id / params.inner % params.blocks;
  let row = id / params.inner / params.blocks * params.length * params.inner + column;
  let start = block * ${BLOCK};
  let end = min(start + ${BLOCK}, params.length);
  ${writesTotals ? totalOf(initial) : runningTotals(initial, ofTotals ? 'total' : finish)}`,
  });
});

export interface ScanSize {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** From the end of the axis to its start. */
  readonly backwards?: boolean;
}

/** out = the running totals of what `name` reads from `views`, each element included in its own. */
export function scan(
  device: Device,
  name: ScanName,
  views: Readonly<Record<string, BufferView>>,
  out: BufferView,
  size: ScanSize,
): void {
  scanLevel(device, name, false, views, out, size);
}

function scanLevel(
  device: Device,
  name: ScanName,
  ofTotals: boolean,
  views: Readonly<Record<string, BufferView>>,
  out: BufferView,
  { outer, length, inner, backwards = false }: ScanSize,
): void {
  if (length === 0) return;
  const blocks = Math.ceil(length / BLOCK);
  const params = { outer, length, inner, blocks, backwards: backwards ? 1 : 0 };
  const launch = (writesTotals: boolean, target: BufferView, carries?: BufferView): void =>
    device.launch(scanKernel({ name, ofTotals, writesTotals }), { ...views, carries, out: target }, params);
  // With one block there is nothing to carry; the binding still wants a buffer.
  const bytes = blocks === 1 ? 16 : outer * blocks * inner * (TABLE[name].total === 'vec2f' ? 8 : 4);
  const carries = device.allocate(bytes);
  if (blocks > 1) {
    const totals = device.allocate(bytes);
    launch(true, totals);
    scanLevel(device, name, true, { x: totals }, carries, { outer, length: blocks, inner });
    device.release(totals);
  }
  launch(false, out, carries);
  device.release(carries);
}
