/** Builtins that are exact, or a formula of the specification (WGSL sections 17.3 and 17.5). */
import { conforms } from './table.ts';

const MIN = -2_147_483_648;
const MAX = 2_147_483_647;
const UMAX = 4_294_967_295;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const TINY = 2 ** -149;
const HUGE = 3.4028234663852886e38;

conforms('numbers', [
  {
    expression: 'sign(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [3, 1],
      [-TINY, -1],
      [0, 0],
      [-0, 0],
      [-inf, -1],
    ],
  },
  {
    expression: 'sqrt(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [2, 1.4142135381698608],
      [TINY, 3.743392066509216e-23],
      [-0, -0],
      [-1, nan],
      [inf, inf],
    ],
  },
  {
    expression: 'inverseSqrt(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [4, 0.5],
      [0.25, 2],
      [0, inf],
      [inf, 0],
      [-1, nan],
    ],
  },
  {
    expression: 'saturate(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [0.3, 0.3],
      [-2, 0],
      [inf, 1],
    ],
  },
  {
    expression: 'step(a, b)',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [1, 0.5, 0],
      [1, 1, 1],
      [0, -0, 1],
      [-inf, 0, 1],
    ],
  },
  {
    expression: 'smoothstep(a, b, c)',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    rows: [
      [0, 1, 0.5, 0.5],
      [0, 2, 0.5, 0.15625],
      [0, 1, -3, 0],
      [0, 1, 7, 1],
    ],
  },
  {
    expression: 'mix(a, b, c)',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    rows: [
      [1, 3, 0.25, 1.5],
      [1, 3, 0, 1],
      [1, 3, 1, 3],
    ],
  },
  {
    expression: 'fma(a, b, c)',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    rows: [
      [2, 3, 4, 10],
      [0.5, -3, 0.25, -1.25],
    ],
  },
  {
    expression: 'degrees(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1, 57.295780181884766],
      [-0, -0],
    ],
  },
  {
    expression: 'radians(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1, 0.01745329238474369],
      [180, Math.PI],
    ],
  },
  {
    // Rounded once, to even: also where 2ᵇ lies outside of f32.
    expression: 'ldexp(a, b)',
    of: ['f32', 'i32'],
    returns: 'f32',
    rows: [
      [3, 4, 48],
      [1, -149, TINY],
      [1, -150, 0],
      [1.5, -150, TINY],
      [2.5, -150, TINY],
      [-1, -150, -0],
      [TINY, 276, 2 ** 127],
      [TINY, 277, inf],
      [HUGE, -277, 2 ** -149],
      [1.999_999_9, -127, 2 ** -126],
      [1.25 * 2 ** -110, -38, 2 * TINY],
      [1.25 * 2 ** -10, -139, TINY],
      [1 + 2 ** -23, -148, 2 * TINY],
      [1, MAX, inf],
      [1, MIN, 0],
      [0, MAX, 0],
      [-inf, -5, -inf],
    ],
  },
  {
    expression: 'frexp(a).fract',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1, 0.5],
      [-5, -0.625],
      [3 * TINY, 0.75],
      [HUGE, 1 - 2 ** -24],
      [-0, -0],
      [-inf, -inf],
    ],
  },
  {
    expression: 'frexp(a).exp',
    of: ['f32'],
    returns: 'i32',
    rows: [
      [1, 1],
      [-5, 3],
      [TINY, -148],
      [3 * TINY, -147],
      [2 ** -126, -125],
      [HUGE, 128],
      [0, 0],
    ],
  },
  {
    expression: 'modf(a).fract * 16 + modf(a).whole',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1.25, 5],
      [-2.5, -10],
      [16_777_216, 16_777_216],
    ],
  },
  {
    expression: 'quantizeToF16(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1 / 3, 0.333251953125],
      [65_504, 65_504],
      [65_519.996, 65_504],
      [65_520, inf],
      [2049, 2048],
      [2051, 2052],
      [2 ** -24, 2 ** -24],
      [2 ** -25, 0],
      [1.5 * 2 ** -25, 2 ** -24],
      [-(2 ** -26), -0],
      [2 ** -14 - 2 ** -26, 2 ** -14],
      [-inf, -inf],
      [nan, nan],
    ],
  },
]);

conforms('elementary functions where they are exact', [
  {
    expression: 'exp(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [0, 1],
      [-0, 1],
      [-inf, 0],
      [89, inf],
      [-104, 0],
      [nan, nan],
    ],
  },
  {
    expression: 'exp2(a) * exp2(b)',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [10, -3, 128],
      [-149, 0, TINY],
      [-150, 0, 0],
      [127, 1, inf],
    ],
  },
  {
    expression: 'log(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1, 0],
      [0, -inf],
      [-0, -inf],
      [-TINY, nan],
      [inf, inf],
      [nan, nan],
    ],
  },
  {
    expression: 'log2(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [1024, 10],
      [TINY, -149],
      [2 ** 127, 127],
      [0.25, -2],
      [-1, nan],
    ],
  },
  {
    expression: 'pow(a, b)',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [2, 10, 1024],
      [9, 0.5, 3],
      [10, 0, 1],
      [0, 0, 1],
      [0, 3, 0],
      [0, -3, inf],
      [inf, -1, 0],
      [-2, 2, nan],
    ],
  },
  {
    expression: 'sin(a) + tan(a) + asin(a) + atan(a) + sinh(a) + tanh(a) + asinh(a) + atanh(a)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [0, 0],
      [-0, -0],
      [TINY, 8 * TINY],
      [nan, nan],
    ],
  },
  {
    expression: 'cos(a) + cosh(a) + acos(a + 1) + acosh(a + 1)',
    of: ['f32'],
    returns: 'f32',
    rows: [
      [0, 2],
      [nan, nan],
    ],
  },
  {
    expression: 'atan2(a, b)',
    of: ['f32', 'f32'],
    returns: 'f32',
    rows: [
      [0, 1, 0],
      [-0, 1, -0],
      [0, -1, Math.PI],
      [-0, -0, -Math.PI],
      [1, 0, Math.PI / 2],
      [-1, -1, -3 * (Math.PI / 4)],
      [inf, -inf, 3 * (Math.PI / 4)],
      [TINY, inf, 0],
    ],
  },
]);

conforms('bits of u32', [
  {
    expression: 'countLeadingZeros(a)',
    of: ['u32'],
    returns: 'u32',
    rows: [
      [0, 32],
      [1, 31],
      [UMAX, 0],
      [0x00ff_ffff, 8],
      [0x01ff_ffff, 7],
      [0x7fff_ffff, 1],
      [0x8000_0001, 0],
    ],
  },
  {
    expression: 'countTrailingZeros(a)',
    of: ['u32'],
    returns: 'u32',
    rows: [
      [0, 32],
      [1, 0],
      [0x8000_0000, 31],
      [0x0f00, 8],
      [UMAX, 0],
    ],
  },
  {
    expression: 'countOneBits(a)',
    of: ['u32'],
    returns: 'u32',
    rows: [
      [0, 0],
      [UMAX, 32],
      [0x8000_0001, 2],
      [0x1234_5678, 13],
    ],
  },
  {
    expression: 'reverseBits(a)',
    of: ['u32'],
    returns: 'u32',
    rows: [
      [1, 0x8000_0000],
      [0x1234_5678, 0x1e6a_2c48],
      [UMAX, UMAX],
    ],
  },
  {
    expression: 'firstLeadingBit(a)',
    of: ['u32'],
    returns: 'u32',
    rows: [
      [0, UMAX],
      [1, 0],
      [UMAX, 31],
      [0x1234, 12],
    ],
  },
  {
    expression: 'firstTrailingBit(a)',
    of: ['u32'],
    returns: 'u32',
    rows: [
      [0, UMAX],
      [12, 2],
      [0x8000_0000, 31],
    ],
  },
]);

conforms('bits of i32', [
  {
    expression: 'countLeadingZeros(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [0, 32],
      [-1, 0],
      [5, 29],
    ],
  },
  {
    expression: 'countTrailingZeros(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [0, 32],
      [MIN, 31],
      [-8, 3],
    ],
  },
  {
    expression: 'countOneBits(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [-1, 32],
      [MIN, 1],
      [7, 3],
    ],
  },
  {
    expression: 'reverseBits(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [1, MIN],
      [-1, -1],
      [2, 0x4000_0000],
    ],
  },
  {
    // The highest bit that differs from the sign.
    expression: 'firstLeadingBit(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [0, -1],
      [-1, -1],
      [1, 0],
      [-2, 0],
      [MIN, 30],
      [MAX, 30],
    ],
  },
  {
    expression: 'firstTrailingBit(a)',
    of: ['i32'],
    returns: 'i32',
    rows: [
      [0, -1],
      [MIN, 31],
      [-4, 2],
    ],
  },
]);

/** Offset and count are scalars: the same for all components. */
const fields = [
  { offset: 4, count: 8, u32: 0x67, i32: 0x67, inserted: 0x1234_5ff8 },
  { offset: 0, count: 32, u32: 0x1234_5678, i32: 0x1234_5678, inserted: 0xffff_ffff },
  { offset: 3, count: 4, u32: 0xf, i32: -1, inserted: 0x1234_5678 },
  { offset: 28, count: 8, u32: 1, i32: 1, inserted: 0xf234_5678 },
  { offset: 5, count: 0, u32: 0, i32: 0, inserted: 0x1234_5678 },
  { offset: 32, count: 3, u32: 0, i32: 0, inserted: 0x1234_5678 },
  { offset: 77, count: UMAX, u32: 0, i32: 0, inserted: 0x1234_5678 },
];

for (const { offset, count, u32, i32, inserted } of fields) {
  conforms(`${count} bits from ${offset} on`, [
    {
      expression: `extractBits(a, ${offset}u, ${count}u)`,
      of: ['u32'],
      returns: 'u32',
      rows: [[0x1234_5678, u32]],
    },
    {
      expression: `extractBits(a, ${offset}, ${count}u)`,
      of: ['i32'],
      returns: 'i32',
      rows: [[0x1234_5678, i32]],
    },
    {
      expression: `insertBits(a, b, ${offset}u, ${count}u)`,
      of: ['u32', 'u32'],
      returns: 'u32',
      rows: [[0x1234_5678, UMAX, inserted]],
    },
  ]);
}

conforms('packed numbers', [
  {
    expression: 'pack2x16float(vec2f(a, b))',
    of: ['f32', 'f32'],
    returns: 'u32',
    sizes: [1],
    rows: [
      [1, -2, 0xc000_3c00],
      [65_504, -0, 0x8000_7bff],
      [65_519.996, 65_520, 0x7c00_7bff],
      [2 ** -24, 2 ** -25, 0x0000_0001],
      [3 * 2 ** -25, 2 ** -14, 0x0400_0002],
      [inf, -inf, 0xfc00_7c00],
      [2049, 2051, 0x6802_6800],
    ],
  },
  {
    expression: 'unpack2x16float(a).y',
    of: ['u32'],
    returns: 'f32',
    sizes: [1],
    rows: [
      [0x3c00_0000, 1],
      [0x0001_3c00, 2 ** -24],
      [0x83ff_0000, -(2 ** -14) + 2 ** -24],
      [0x7bff_0000, 65_504],
      [0x7c00_0000, inf],
      [0x7e00_0000, nan],
      [0x8000_0000, -0],
    ],
  },
  {
    expression: 'unpack2x16float(a).x',
    of: ['u32'],
    returns: 'f32',
    sizes: [1],
    rows: [
      [0x0000_3555, 0.333251953125],
      [0xffff_fc00, -inf],
    ],
  },
  {
    expression: 'pack4x8snorm(vec4f(a, b, c, -1))',
    of: ['f32', 'f32', 'f32'],
    returns: 'u32',
    sizes: [1],
    rows: [
      [1, -1, 0, 0x8100_817f],
      [5, -5, 0.5, 0x8140_817f],
    ],
  },
  {
    expression: 'pack4x8unorm(vec4f(a, b, c, 1))',
    of: ['f32', 'f32', 'f32'],
    returns: 'u32',
    sizes: [1],
    rows: [
      [0, 1, 0.5, 0xff80_ff00],
      [-1, 2, 0.25, 0xff40_ff00],
    ],
  },
  {
    expression: 'pack2x16snorm(vec2f(a, b))',
    of: ['f32', 'f32'],
    returns: 'u32',
    sizes: [1],
    rows: [
      [1, -1, 0x8001_7fff],
      [0, 0.5, 0x4000_0000],
    ],
  },
  {
    expression: 'pack2x16unorm(vec2f(a, b))',
    of: ['f32', 'f32'],
    returns: 'u32',
    sizes: [1],
    rows: [
      [1, 0, 0x0000_ffff],
      [0.5, 3, 0xffff_8000],
    ],
  },
  {
    expression: 'dot(unpack4x8snorm(a), vec4f(1, 10, 100, 1000))',
    of: ['u32'],
    returns: 'f32',
    sizes: [1],
    rows: [
      [0x8000_817f, -1009],
      [0x0000_0000, 0],
    ],
  },
  {
    expression: 'dot(unpack4x8unorm(a), vec4f(1, 10, 100, 1000))',
    of: ['u32'],
    returns: 'f32',
    sizes: [1],
    rows: [[0xff00_ff00, 1010]],
  },
  {
    expression: 'dot(unpack2x16snorm(a), vec2f(1, 10))',
    of: ['u32'],
    returns: 'f32',
    sizes: [1],
    rows: [
      [0x8000_7fff, -9],
      [0x8001_8001, -11],
    ],
  },
  {
    expression: 'dot(unpack2x16unorm(a), vec2f(1, 10))',
    of: ['u32'],
    returns: 'f32',
    sizes: [1],
    rows: [[0xffff_0000, 10]],
  },
  {
    expression: 'pack4xU8(vec4u(a, b, c, 256u))',
    of: ['u32', 'u32', 'u32'],
    returns: 'u32',
    sizes: [1],
    rows: [[0x101, 2, 255, 0x00ff_0201]],
  },
  {
    expression: 'pack4xU8Clamp(vec4u(a, b, c, 256u))',
    of: ['u32', 'u32', 'u32'],
    returns: 'u32',
    sizes: [1],
    rows: [[0x101, 2, UMAX, 0xffff_02ff]],
  },
  {
    expression: 'pack4xI8(vec4i(a, b, c, -2))',
    of: ['i32', 'i32', 'i32'],
    returns: 'u32',
    sizes: [1],
    rows: [[-1, 127, 128, 0xfe80_7fff]],
  },
  {
    expression: 'pack4xI8Clamp(vec4i(a, b, c, -2))',
    of: ['i32', 'i32', 'i32'],
    returns: 'u32',
    sizes: [1],
    rows: [[-1000, 127, 128, 0xfe7f_7f80]],
  },
  {
    expression: 'dot(unpack4xI8(a), vec4i(1, 10, 100, 1000))',
    of: ['u32'],
    returns: 'i32',
    sizes: [1],
    rows: [[0xff80_7f01, 1 + 1270 - 12_800 - 1000]],
  },
  {
    expression: 'dot(unpack4xU8(a), vec4u(1, 10, 100, 1000))',
    of: ['u32'],
    returns: 'u32',
    sizes: [1],
    rows: [[0xff80_7f01, 1 + 1270 + 12_800 + 255_000]],
  },
  {
    expression: 'dot4I8Packed(a, b)',
    of: ['u32', 'u32'],
    returns: 'i32',
    sizes: [1],
    rows: [
      [0x0102_03ff, 0xff02_0304, -1 + 4 + 9 - 4],
      [0x8080_8080, 0x8080_8080, 65_536],
    ],
  },
  {
    expression: 'dot4U8Packed(a, b)',
    of: ['u32', 'u32'],
    returns: 'u32',
    sizes: [1],
    rows: [[0xffff_ffff, 0x0101_01ff, 255 * 3 + 65_025]],
  },
]);

conforms('vectors as a whole', [
  {
    expression: 'length(vec2f(a, b)) + length(a)',
    of: ['f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [
      [-3, 4, 8],
      [5, 12, 18],
    ],
  },
  {
    expression: 'distance(vec3f(a, b, c), vec3f(1, 1, 1))',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [[3, 4, 7, 7]],
  },
  {
    expression: 'dot(normalize(vec2f(a, b)), vec2f(1, 100))',
    of: ['f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [[6, 8, Math.fround(0.6) + Math.fround(80)]],
  },
  {
    expression: 'dot(cross(vec3f(a, b, c), vec3f(4, 5, 6)), vec3f(1, 10, 100))',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [[1, 2, 3, -3 + 60 - 300]],
  },
  {
    expression: 'dot(reflect(vec2f(a, b), vec2f(0, 1)), vec2f(1, 100))',
    of: ['f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [[2, -3, 302]],
  },
  {
    expression: 'dot(refract(vec2f(a, b), vec2f(0, 1), 1), vec2f(1, 100))',
    of: ['f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [[0, -1, -100]],
  },
  {
    expression: 'refract(vec2f(a, b), vec2f(0, 1), 2).x',
    of: ['f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [[1, 0, 0]],
  },
  {
    expression: 'faceForward(vec2f(a, b), vec2f(c, 0), vec2f(1, 0)).y',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [
      [1, 2, -3, 2],
      [1, 2, 3, -2],
    ],
  },
  {
    // In the order of the components.
    expression: 'dot(vec4f(a, b, c, 1), vec4f(1, 1, 1, 1))',
    of: ['f32', 'f32', 'f32'],
    returns: 'f32',
    sizes: [1],
    rows: [
      [16_777_216, 1, -16_777_216, 1],
      [-16_777_216, 16_777_216, 0.5, 1.5],
    ],
  },
  {
    expression: 'any(vec3<bool>(a, b, c)) == all(vec2<bool>(a, b))',
    of: ['bool', 'bool', 'bool'],
    returns: 'bool',
    sizes: [1],
    rows: [
      [0, 0, 0, 1],
      [1, 1, 0, 1],
      [0, 0, 1, 0],
      [1, 0, 0, 0],
    ],
  },
]);
