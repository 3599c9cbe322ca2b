/** Operators (WGSL sections 8.6 to 8.10): integers wrap, division is total, shifts are modulo 32, floats are IEEE 754. */
import { conforms } from './table.ts';

const MIN = -2_147_483_648;
const MAX = 2_147_483_647;
const UMAX = 4_294_967_295;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
/** The smallest subnormal and normal, and the largest f32. */
const TINY = 2 ** -149;
const NORMAL = 2 ** -126;
const HUGE = 3.4028234663852886e38;

conforms('i32', [
  {
    expression: 'a + b',
    of: ['i32', 'i32'],
    returns: 'i32',
    rows: [
      [1, 2, 3],
      [MAX, 1, MIN],
      [MIN, -1, MAX],
      [MIN, MIN, 0],
      [-5, 5, 0],
    ],
  },
  {
    expression: 'a - b',
    of: ['i32', 'i32'],
    returns: 'i32',
    rows: [
      [1, 2, -1],
      [MIN, 1, MAX],
      [0, MIN, MIN],
      [MAX, -1, MIN],
    ],
  },
  {
    expression: 'a * b',
    of: ['i32', 'i32'],
    returns: 'i32',
    rows: [
      [3, -4, -12],
      [65_536, 65_536, 0],
      [MIN, -1, MIN],
      [46_341, 46_341, -2_147_479_015],
      [MAX, MAX, 1],
    ],
  },
  {
    expression: 'a / b',
    of: ['i32', 'i32'],
    returns: 'i32',
    rows: [
      [7, 2, 3],
      [-7, 2, -3],
      [7, -2, -3],
      [-7, -2, 3],
      [7, 0, 7],
      [-7, 0, -7],
      [0, 0, 0],
      [MIN, -1, MIN],
      [MIN, 1, MIN],
      [MIN, 0, MIN],
      [MAX, -1, -MAX],
      [1, MIN, 0],
    ],
  },
  {
    expression: 'a % b',
    of: ['i32', 'i32'],
    returns: 'i32',
    rows: [
      [7, 2, 1],
      [-7, 2, -1],
      [7, -2, 1],
      [-7, -2, -1],
      [7, 0, 0],
      [-7, 0, 0],
      [MIN, -1, 0],
      [MIN, 3, -2],
      [MIN, 0, 0],
      [5, MIN, 5],
    ],
  },
  {
    expression: 'a << b',
    of: ['i32', 'u32'],
    returns: 'i32',
    rows: [
      [1, 31, MIN],
      [-1, 31, MIN],
      [3, 0, 3],
      [1, 32, 1],
      [1, 33, 2],
      [-3, 4, -48],
      [1, UMAX, MIN],
    ],
  },
  {
    expression: 'a >> b',
    of: ['i32', 'u32'],
    returns: 'i32',
    rows: [
      [-1, 31, -1],
      [MIN, 31, -1],
      [MAX, 30, 1],
      [-7, 1, -4],
      [-7, 32, -7],
      [64, 35, 8],
    ],
  },
  {
    expression: '-a',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [5, -5],
      [0, 0],
      [MIN, MIN],
      [MAX, -MAX],
    ],
  },
  {
    expression: '~a',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [0, -1],
      [MAX, MIN],
      [-6, 5],
    ],
  },
  {
    expression: '(a & b) ^ (a | c)',
    of: ['i32', 'i32', 'i32'],
    returns: 'i32',
    rows: [
      [12, 10, 1, 5],
      [-1, 255, 0, -256],
      [MIN, -1, MAX, MAX],
    ],
  },
  {
    expression: 'abs(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [-5, 5],
      [MIN, MIN],
      [MAX, MAX],
      [0, 0],
    ],
  },
  {
    expression: 'sign(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [MIN, -1],
      [-1, -1],
      [0, 0],
      [1, 1],
      [MAX, 1],
    ],
  },
  {
    expression: 'a < b',
    of: ['i32', 'i32'],
    returns: 'bool',
    rows: [
      [MIN, MAX, 1],
      [MAX, MIN, 0],
      [-1, 0, 1],
      [3, 3, 0],
    ],
  },
  {
    expression: 'a >= b',
    of: ['i32', 'i32'],
    returns: 'bool',
    rows: [
      [MIN, MAX, 0],
      [MAX, MIN, 1],
      [-1, 0, 0],
      [3, 3, 1],
    ],
  },
  {
    expression: 'clamp(a, b, c)',
    of: ['i32', 'i32', 'i32'],
    returns: 'i32',
    rows: [
      [5, 0, 3, 3],
      [-5, -3, 3, -3],
      [MIN, -1, 1, -1],
      [MAX, MIN, MAX, MAX],
    ],
  },
  {
    expression: 'min(a, b) * 2 + max(a, b)',
    of: ['i32', 'i32'],
    returns: 'i32',
    rows: [
      [-1, 1, -1],
      [7, -7, -7],
      [MIN, 0, 0],
    ],
  },
]);

conforms('u32', [
  {
    expression: 'a + b',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [UMAX, 1, 0],
      [UMAX, UMAX, UMAX - 1],
      [2_147_483_648, 2_147_483_648, 0],
    ],
  },
  {
    expression: 'a - b',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [0, 1, UMAX],
      [3, 5, UMAX - 1],
      [UMAX, UMAX, 0],
    ],
  },
  {
    expression: 'a * b',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [UMAX, UMAX, 1],
      [65_537, 65_537, 131_073],
      [2_654_435_761, 3, 3_668_339_987],
    ],
  },
  {
    expression: 'a / b',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [UMAX, 2, 2_147_483_647],
      [7, 0, 7],
      [UMAX, 0, UMAX],
      [UMAX, UMAX, 1],
      [UMAX - 1, UMAX, 0],
    ],
  },
  {
    expression: 'a % b',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [UMAX, 10, 5],
      [7, 0, 0],
      [UMAX, 2_147_483_648, 2_147_483_647],
      [5, UMAX, 5],
    ],
  },
  {
    expression: 'a >> b',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [UMAX, 31, 1],
      [2_147_483_648, 31, 1],
      [UMAX, 32, UMAX],
      [12, 34, 3],
    ],
  },
  {
    expression: 'a << b',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [1, 31, 2_147_483_648],
      [3, 31, 2_147_483_648],
      [3, 64, 3],
    ],
  },
  {
    expression: 'a < b',
    of: ['u32', 'u32'],
    returns: 'bool',
    rows: [
      [0, UMAX, 1],
      [UMAX, 0, 0],
      [2_147_483_648, 2_147_483_647, 0],
      [2_147_483_647, 2_147_483_648, 1],
    ],
  },
  {
    expression: 'max(a, b) - min(a, b)',
    of: ['u32', 'u32'],
    returns: 'u32',
    rows: [
      [0, UMAX, UMAX],
      [2_147_483_648, 2_147_483_647, 1],
    ],
  },
]);

conforms('f32', [
  {
    expression: 'a + b',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [16_777_216, 1, 16_777_216],
      [16_777_216, 3, 16_777_220],
      [HUGE, HUGE, inf],
      [inf, -inf, nan],
      [0, -0, 0],
      [-0, -0, -0],
      [TINY, TINY, 2 * TINY],
      [NORMAL, -TINY, NORMAL - TINY],
    ],
  },
  {
    expression: 'a - b',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [0, 0, 0],
      [-0, 0, -0],
      [0, -0, 0],
      [inf, inf, nan],
      [1, 2 ** -25, 1],
      [1, 3 * 2 ** -25, 1 - 2 ** -23],
    ],
  },
  {
    expression: 'a * b',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [0.1, 0.1, 0.010000000707805157],
      [HUGE, 2, inf],
      [TINY, 0.5, 0],
      [3 * TINY, 0.5, 2 * TINY],
      [-TINY, 0.25, -0],
      [0, inf, nan],
      [-0, 5, -0],
      [NORMAL, 0.5, NORMAL / 2],
    ],
  },
  {
    expression: 'a / b',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [1, 3, 0.3333333432674408],
      [1, 0, inf],
      [1, -0, -inf],
      [0, 0, nan],
      [inf, inf, nan],
      [5, inf, 0],
      [-5, inf, -0],
      [TINY, 2, 0],
      [1, HUGE, 2.938735877055719e-39],
    ],
  },
  {
    // a - b·trunc(a/b)
    expression: 'a % b',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [7, 2, 1],
      [-7, 2, -1],
      [7, -2, 1],
      [5.5, 1.5, 1],
      [1, 0, nan],
      [0, 5, 0],
    ],
  },
  {
    expression: '-a',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [0, -0],
      [-0, 0],
      [inf, -inf],
      [TINY, -TINY],
      [nan, nan],
    ],
  },
  {
    expression: 'a == b',
    of: ['f32', 'f32'],
    returns: 'bool',
    rows: [
      [0, -0, 1],
      [nan, nan, 0],
      [inf, inf, 1],
      [TINY, 0, 0],
      [1, 1, 1],
    ],
  },
  {
    expression: 'a != b',
    of: ['f32', 'f32'],
    returns: 'bool',
    rows: [
      [0, -0, 0],
      [nan, nan, 1],
      [1, nan, 1],
      [1, 1, 0],
    ],
  },
  {
    expression: 'a < b',
    of: ['f32', 'f32'],
    returns: 'bool',
    rows: [
      [-inf, -HUGE, 1],
      [nan, 1, 0],
      [1, nan, 0],
      [0, TINY, 1],
      [-0, 0, 0],
      [1, 1, 0],
    ],
  },
  {
    expression: '!(a <= b)',
    of: ['f32', 'f32'],
    returns: 'bool',
    rows: [
      [nan, 1, 1],
      [1, 1, 0],
      [2, 1, 1],
    ],
  },
  {
    expression: 'a >= b',
    of: ['f32', 'f32'],
    returns: 'bool',
    rows: [
      [nan, nan, 0],
      [inf, HUGE, 1],
      [-0, 0, 1],
      [1, 2, 0],
    ],
  },
  {
    expression: 'a > b',
    of: ['f32', 'f32'],
    returns: 'bool',
    rows: [
      [nan, -inf, 0],
      [inf, HUGE, 1],
      [0, -0, 0],
      [-1, -2, 1],
    ],
  },
  {
    // b if b < a, else a: of a NaN and a number either may come out, here the first operand's rule decides.
    expression: 'min(a, b)',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [1, 2, 1],
      [2, 1, 1],
      [-inf, inf, -inf],
      [0, -0, 0],
      [-0, 0, -0],
      [1, nan, 1],
      [nan, 1, nan],
      [TINY, 0, 0],
    ],
  },
  {
    expression: 'max(a, b)',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [1, 2, 2],
      [2, 1, 2],
      [-inf, inf, inf],
      [0, -0, 0],
      [-0, 0, -0],
      [1, nan, 1],
      [nan, 1, nan],
      [-TINY, -0, -0],
    ],
  },
  {
    expression: 'clamp(a, b, c)',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    rows: [
      [0.5, 0, 1, 0.5],
      [-inf, 0, 1, 0],
      [inf, 0, 1, 1],
      [-0, 0, 1, -0],
      [nan, 0, 1, nan],
    ],
  },
  {
    expression: 'abs(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [-0, 0],
      [-TINY, TINY],
      [-inf, inf],
      [nan, nan],
    ],
  },
]);

conforms('bool', [
  {
    expression: '!a',
    of: ['bool'],
    returns: 'bool',
    rows: [
      [0, 1],
      [1, 0],
    ],
  },
  {
    expression: '(a & b) | (a != c)',
    of: ['bool', 'bool', 'bool'],
    returns: 'bool',
    rows: [
      [0, 0, 0, 0],
      [0, 1, 0, 0],
      [1, 1, 1, 1],
      [1, 0, 1, 0],
      [0, 0, 1, 1],
    ],
  },
  {
    expression: '(a == b) == c',
    of: ['bool', 'bool', 'bool'],
    returns: 'bool',
    rows: [
      [0, 0, 0, 0],
      [0, 0, 1, 1],
      [1, 0, 0, 1],
      [1, 1, 1, 1],
    ],
  },
  {
    expression: '(a && b) || c',
    of: ['bool', 'bool', 'bool'],
    returns: 'bool',
    sizes: [1],
    rows: [
      [0, 0, 0, 0],
      [1, 1, 0, 1],
      [1, 0, 0, 0],
      [0, 1, 1, 1],
    ],
  },
  {
    expression: 'select(a, b, c)',
    of: ['f32', 'f32', 'bool'],
    returns: 'f32',
    rows: [
      [1, 2, 0, 1],
      [1, 2, 1, 2],
      [nan, 2, 1, 2],
      [-0, nan, 0, -0],
    ],
  },
  {
    expression: 'select(a, b, a == b)',
    of: ['i32', 'i32'],
    returns: 'i32',
    rows: [
      [1, 2, 1],
      [2, 2, 2],
    ],
  },
  {
    expression: 'select(a, b, c)',
    of: ['bool', 'bool', 'bool'],
    returns: 'bool',
    rows: [
      [0, 1, 0, 0],
      [0, 1, 1, 1],
      [1, 0, 1, 0],
    ],
  },
]);
