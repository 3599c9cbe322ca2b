/**
 * f32 to f16 and back, two f16 a word. WGSL's pack2x16float leaves the direction of rounding, subnormals and everything
 * beyond 65504 to the adapter, so both ways are spelt out in integers: to nearest, ties to even, as IEEE 754 and PyTorch.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';

const packKernel = defineKernel({
  name: 'f32 to f16',
  params: { size: 'u32' },
  reads: { x: 'array<u32>' },
  writes: { y: 'array<u32>' },
  functions: `
fn half(bits: u32) -> u32 {
  let sign = (bits >> 16) & 0x8000;
  let magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) { return sign | 0x7e00; }
  // From 65520, halfway between the largest f16 and 2¹⁶.
  if (magnitude >= 0x477ff000) { return sign | 0x7c00; }
  if (magnitude >= 0x38800000) {
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
  }
  // Up to 2⁻²⁵, half of the smallest subnormal.
  if (magnitude <= 0x33000000) { return sign; }
  let shift = 126 - (magnitude >> 23);
  let mantissa = (magnitude & 0x7fffff) | 0x800000;
  let quotient = mantissa >> shift;
  let twiceRest = (mantissa & ((1u << shift) - 1)) << 1;
  let up = twiceRest > (1u << shift) || (twiceRest == (1u << shift) && (quotient & 1) == 1);
  return sign | (quotient + select(0u, 1u, up));
}`,
  ...perElement('size', { id: 'word', each: 2 })`let first = word * 2;
  var second = 0u;
  if (first + 1 < params.size) { second = half(x[first + 1]); }
  y[word] = half(x[first]) | (second << 16);`,
});

const unpackKernel = defineKernel({
  name: 'f16 to f32',
  params: { size: 'u32' },
  reads: { x: 'array<u32>' },
  writes: { y: 'array<u32>' },
  functions: `
fn single(half: u32) -> u32 {
  let sign = (half & 0x8000) << 16;
  let exponent = (half >> 10) & 31;
  let mantissa = half & 0x3ff;
  if (exponent == 0) { return sign | bitcast<u32>(f32(mantissa) * 5.9604644775390625e-8); }
  if (exponent == 31) { return sign | 0x7f800000 | (mantissa << 13); }
  return sign | (((half & 0x7fff) << 13) + 0x38000000);
}`,
  ...perElement('size', { id: 'word', each: 2 })`let first = word * 2;
  let pair = x[word];
  y[first] = single(pair & 0xffff);
  if (first + 1 < params.size) { y[first + 1] = single(pair >> 16); }`,
});

/** y = f16 of the `size` values of x, the last word filled up with 0. */
export function packHalves(device: Device, x: BufferView, y: BufferView, size: number): void {
  device.launch(packKernel, { x, y }, { size });
}

/** y = f32 of the `size` f16 values of x. */
export function unpackHalves(device: Device, x: BufferView, y: BufferView, size: number): void {
  device.launch(unpackKernel, { x, y }, { size });
}
