/** Conversions of values and of bits (WGSL sections 8.2, 15.7.6 and 17.2), and rounding to integers (section 17.5). */
import { conforms } from './table.ts';

const MIN = -2_147_483_648;
const MAX = 2_147_483_647;
const UMAX = 4_294_967_295;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const TINY = 2 ** -149;
const HUGE = 3.4028234663852886e38;

conforms('conversions', [
  {
    // Towards 0; beyond the range the nearest integer. Of NaN anything: here 0.
    expression: 'I(a)',
    of: ['f32'],
    returns: 'i32',
    rows: [
      [1.9, 1],
      [-1.9, -1],
      [-0.5, 0],
      [2_147_483_520, 2_147_483_520],
      [-2_147_483_648, MIN],
      [-2_147_483_904, MIN],
      [-inf, MIN],
      [inf, MAX],
      [nan, 0],
    ],
  },
  {
    // Of constants: the nearest integer that f32 has, too.
    expression: 'I(a)',
    of: ['f32'],
    returns: 'i32',
    atRunTimeOnly: true,
    rows: [
      [2_147_483_648, MAX],
      [HUGE, MAX],
    ],
  },
  {
    expression: 'U(a)',
    of: ['f32'],
    returns: 'u32',
    rows: [
      [1.9, 1],
      [-0.9, 0],
      [-5, 0],
      [2_147_483_648, 2_147_483_648],
      [4_294_967_040, 4_294_967_040],
      [inf, UMAX],
      [-inf, 0],
      [nan, 0],
    ],
  },
  {
    expression: 'U(a)',
    of: ['f32'],
    returns: 'u32',
    atRunTimeOnly: true,
    rows: [[4_294_967_296, UMAX]],
  },
  {
    expression: 'B(a)',
    of: ['f32'],
    returns: 'bool',
    rows: [
      [0, 0],
      [-0, 0],
      [TINY, 1],
      [nan, 1],
      [-inf, 1],
    ],
  },
  {
    expression: 'F(a)',
    of: ['i32'],
    returns: 'f32',
    rows: [
      [0, 0],
      [-1, -1],
      [16_777_217, 16_777_216],
      [16_777_219, 16_777_220],
      [-16_777_217, -16_777_216],
      [MAX, 2_147_483_648],
      [MIN, -2_147_483_648],
      [2_147_483_583, 2_147_483_520],
    ],
  },
  {
    // The last place of numbers from 2³¹ on is 256.
    expression: 'F(a)',
    of: ['u32'],
    returns: 'f32',
    rows: [
      [0, 0],
      [UMAX, 4_294_967_296],
      [4_294_967_167, 4_294_967_040],
      [4_294_967_168, 4_294_967_296],
      [2_147_483_776, 2_147_483_648],
      [2_147_484_032, 2_147_484_160],
      [2_147_483_777, 2_147_483_904],
      [16_777_217, 16_777_216],
      [16_777_219, 16_777_220],
    ],
  },
  {
    expression: 'F(a)',
    of: ['bool'],
    returns: 'f32',
    rows: [
      [0, 0],
      [1, 1],
    ],
  },
  {
    expression: 'I(a) - I(b)',
    of: ['bool', 'bool'],
    returns: 'i32',
    rows: [
      [0, 1, -1],
      [1, 1, 0],
      [1, 0, 1],
    ],
  },
  {
    expression: 'U(a) + U(b)',
    of: ['bool', 'i32'],
    returns: 'u32',
    rows: [
      [1, -1, 0],
      [0, MIN, 2_147_483_648],
      [1, 5, 6],
    ],
  },
  {
    expression: 'I(a)',
    of: ['u32'],
    returns: 'i32',
    rows: [
      [UMAX, -1],
      [2_147_483_648, MIN],
      [7, 7],
    ],
  },
  {
    expression: 'B(a)',
    of: ['i32'],
    returns: 'bool',
    rows: [
      [0, 0],
      [MIN, 1],
      [256, 1],
    ],
  },
  {
    expression: 'B(a)',
    of: ['u32'],
    returns: 'bool',
    rows: [
      [0, 0],
      [2_147_483_648, 1],
    ],
  },
  {
    expression: 'bitcast<U>(a)',
    of: ['f32'],
    returns: 'u32',
    rows: [
      [1, 0x3f80_0000],
      [-0, 0x8000_0000],
      [inf, 0x7f80_0000],
      [TINY, 1],
    ],
  },
  {
    expression: 'bitcast<F>(a + I(1))',
    of: ['i32'],
    returns: 'f32',
    rows: [
      [-1, 0],
      [0x3f7f_ffff, 1],
      [MAX, -0],
      [0x7f7f_ffff, inf],
    ],
  },
]);

conforms('rounding', [
  {
    expression: 'round(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [0.5, 0],
      [1.5, 2],
      [2.5, 2],
      [-0.5, -0],
      [-1.5, -2],
      [-2.5, -2],
      [0.499_999_97, 0],
      [8_388_607.5, 8_388_608],
      [-0, -0],
      [inf, inf],
      [nan, nan],
    ],
  },
  {
    expression: 'floor(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1.5, 1],
      [-1.5, -2],
      [-TINY, -1],
      [TINY, 0],
      [-0, -0],
      [16_777_216, 16_777_216],
      [-inf, -inf],
    ],
  },
  {
    expression: 'ceil(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1.5, 2],
      [-1.5, -1],
      [-0.5, -0],
      [TINY, 1],
      [0, 0],
      [nan, nan],
    ],
  },
  {
    expression: 'trunc(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1.9, 1],
      [-1.9, -1],
      [-0.9, -0],
      [HUGE, HUGE],
      [-inf, -inf],
    ],
  },
  {
    // a - floor(a), which rounds to 1 for small negative numbers.
    expression: 'fract(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1.25, 0.25],
      [-1.25, 0.75],
      [-1e-9, 1],
      [0, 0],
      [16_777_216, 0],
    ],
  },
]);
