/** silu(gate)·up of rows [gate | up] (Shazeer, 2002.05202), forward and backward. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { walkElements } from '../gpu/perElement.ts';
import { specialFunctions } from './special.ts';

/** Store the value, or both gradients, of `gate` and `up`. */
const VALUE = 'y[id] = gate * sigmoidf(gate) * up;';
const GRADIENTS = `dx[at] = dy[id] * up * siluDerivative(gate);
    dx[at + params.f] = dy[id] * (gate * sigmoidf(gate));`;

const swigluKernel = memoize(({ backward, width }: { readonly backward: boolean; readonly width: 1 | 4 }) => {
  const wide = (type: string): string => (width === 4 ? `vec4<${type}>` : type);
  const body = backward ? GRADIENTS : VALUE;
  const values = `array<${wide('f32')}>`;
  return defineKernel({
    name: `swiglu ${backward ? 'backward' : 'forward'} ×${width}`,
    params: { f: 'u32', count: 'u32' },
    reads: { x: values, dy: backward ? values : undefined },
    writes: backward ? { y: undefined, dx: values } : { y: values, dx: undefined },
    functions: `
alias T = ${wide('f32')};
alias I = ${wide('i32')};
alias U = ${wide('u32')};
alias B = ${wide('bool')};
${specialFunctions(body)}`,
    ...walkElements('count')`let at = id / params.f * 2 * params.f + id % params.f;
    let gate = x[at];
    let up = x[at + params.f];
    ${body}`,
  });
});

export interface SwigluSize {
  readonly rows: number;
  /** Columns of a half. */
  readonly f: number;
}

function launch(
  device: Device,
  backward: boolean,
  views: Readonly<Record<'x', BufferView>> & Readonly<Partial<Record<'dy' | 'y' | 'dx', BufferView>>>,
  { rows, f }: SwigluSize,
): void {
  const width = f % 4 === 0 ? 4 : 1;
  const count = (rows * f) / width;
  device.launch(swigluKernel({ backward, width }), views, { f: f / width, count });
}

/** y (rows,f) = silu(gate)·up of x (rows,2f). */
export function swigluForward(
  device: Device,
  views: { readonly x: BufferView; readonly y: BufferView },
  size: SwigluSize,
): void {
  launch(device, false, views, size);
}

/** dx (rows,2f) from dy (rows,f). */
export function swigluBackward(
  device: Device,
  views: { readonly x: BufferView; readonly dy: BufferView; readonly dx: BufferView },
  size: SwigluSize,
): void {
  launch(device, true, views, size);
}
