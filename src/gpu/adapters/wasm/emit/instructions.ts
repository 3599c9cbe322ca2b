/**
 * Instructions of WebAssembly (core specification 2.0, with the threads and relaxed-SIMD proposals) that kernels use: their codes
 * and the type of their result. https://webassembly.github.io/spec/core/appendix/index-instructions.html
 */

/** Types of values, by their binary codes. */
export const VALUE_TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, v128: 0x7b } as const;
export type ValueType = keyof typeof VALUE_TYPES;

const MISC = 0xfc0000;
const SIMD = 0xfd0000;
const ATOMIC = 0xfe0000;

/** Codes: the prefix byte, if there is one, is in bits 16 to 23. */
const CODES = {
  i32: {
    'i32.eqz': 0x45,
    'i32.eq': 0x46,
    'i32.ne': 0x47,
    'i32.lt_s': 0x48,
    'i32.lt_u': 0x49,
    'i32.gt_s': 0x4a,
    'i32.gt_u': 0x4b,
    'i32.le_s': 0x4c,
    'i32.le_u': 0x4d,
    'i32.ge_s': 0x4e,
    'i32.ge_u': 0x4f,
    'i64.eqz': 0x50,
    'i64.lt_u': 0x54,
    'i64.le_u': 0x58,
    'f32.eq': 0x5b,
    'f32.ne': 0x5c,
    'f32.lt': 0x5d,
    'f32.gt': 0x5e,
    'f32.le': 0x5f,
    'f32.ge': 0x60,
    'i32.clz': 0x67,
    'i32.ctz': 0x68,
    'i32.popcnt': 0x69,
    'i32.add': 0x6a,
    'i32.sub': 0x6b,
    'i32.mul': 0x6c,
    'i32.div_s': 0x6d,
    'i32.div_u': 0x6e,
    'i32.rem_s': 0x6f,
    'i32.rem_u': 0x70,
    'i32.and': 0x71,
    'i32.or': 0x72,
    'i32.xor': 0x73,
    'i32.shl': 0x74,
    'i32.shr_s': 0x75,
    'i32.shr_u': 0x76,
    'i32.wrap_i64': 0xa7,
    'i32.reinterpret_f32': 0xbc,
    'i32.trunc_sat_f32_s': MISC | 0x00,
    'i32.trunc_sat_f32_u': MISC | 0x01,
    'i32x4.extract_lane': SIMD | 0x1b,
    'v128.any_true': SIMD | 0x53,
    'i32x4.all_true': SIMD | 0xa3,
    'i32x4.bitmask': SIMD | 0xa4,
  },
  i64: {
    'i64.add': 0x7c,
    'i64.sub': 0x7d,
    'i64.mul': 0x7e,
    'i64.div_u': 0x80,
    'i64.extend_i32_s': 0xac,
    'i64.extend_i32_u': 0xad,
  },
  f32: {
    'f32.abs': 0x8b,
    'f32.neg': 0x8c,
    'f32.ceil': 0x8d,
    'f32.floor': 0x8e,
    'f32.trunc': 0x8f,
    'f32.nearest': 0x90,
    'f32.sqrt': 0x91,
    'f32.add': 0x92,
    'f32.sub': 0x93,
    'f32.mul': 0x94,
    'f32.div': 0x95,
    'f32.convert_i32_s': 0xb2,
    'f32.convert_i32_u': 0xb3,
    'f32.reinterpret_i32': 0xbe,
    'f32x4.extract_lane': SIMD | 0x1f,
  },
  v128: {
    'i32x4.splat': SIMD | 0x11,
    'f32x4.splat': SIMD | 0x13,
    'i32x4.replace_lane': SIMD | 0x1c,
    'f32x4.replace_lane': SIMD | 0x20,
    'i32x4.eq': SIMD | 0x37,
    'i32x4.ne': SIMD | 0x38,
    'i32x4.lt_s': SIMD | 0x39,
    'i32x4.lt_u': SIMD | 0x3a,
    'i32x4.gt_s': SIMD | 0x3b,
    'i32x4.gt_u': SIMD | 0x3c,
    'i32x4.le_s': SIMD | 0x3d,
    'i32x4.le_u': SIMD | 0x3e,
    'i32x4.ge_s': SIMD | 0x3f,
    'i32x4.ge_u': SIMD | 0x40,
    'f32x4.eq': SIMD | 0x41,
    'f32x4.ne': SIMD | 0x42,
    'f32x4.lt': SIMD | 0x43,
    'f32x4.gt': SIMD | 0x44,
    'f32x4.le': SIMD | 0x45,
    'f32x4.ge': SIMD | 0x46,
    'v128.not': SIMD | 0x4d,
    'v128.and': SIMD | 0x4e,
    'v128.andnot': SIMD | 0x4f,
    'v128.or': SIMD | 0x50,
    'v128.xor': SIMD | 0x51,
    'v128.bitselect': SIMD | 0x52,
    'f32x4.ceil': SIMD | 0x67,
    'f32x4.floor': SIMD | 0x68,
    'f32x4.trunc': SIMD | 0x69,
    'f32x4.nearest': SIMD | 0x6a,
    'i32x4.abs': SIMD | 0xa0,
    'i32x4.neg': SIMD | 0xa1,
    'i32x4.shl': SIMD | 0xab,
    'i32x4.shr_s': SIMD | 0xac,
    'i32x4.shr_u': SIMD | 0xad,
    'i32x4.add': SIMD | 0xae,
    'i32x4.sub': SIMD | 0xb1,
    'i32x4.mul': SIMD | 0xb5,
    'i32x4.min_s': SIMD | 0xb6,
    'i32x4.min_u': SIMD | 0xb7,
    'i32x4.max_s': SIMD | 0xb8,
    'i32x4.max_u': SIMD | 0xb9,
    'f32x4.abs': SIMD | 0xe0,
    'f32x4.neg': SIMD | 0xe1,
    'f32x4.sqrt': SIMD | 0xe3,
    'f32x4.add': SIMD | 0xe4,
    'f32x4.sub': SIMD | 0xe5,
    'f32x4.mul': SIMD | 0xe6,
    'f32x4.div': SIMD | 0xe7,
    'f32x4.pmin': SIMD | 0xea,
    'f32x4.pmax': SIMD | 0xeb,
    'i32x4.trunc_sat_f32x4_s': SIMD | 0xf8,
    'i32x4.trunc_sat_f32x4_u': SIMD | 0xf9,
    'f32x4.convert_i32x4_s': SIMD | 0xfa,
    'f32x4.convert_i32x4_u': SIMD | 0xfb,
    'f32x4.relaxed_madd': SIMD | 0x105,
    'f32x4.relaxed_nmadd': SIMD | 0x106,
  },
} as const;

/** Instructions that read memory: code, type of the result, and log₂ of the natural alignment. */
export const LOADS = {
  'i32.load': [0x28, 'i32', 2],
  'i32.load16_u': [0x2f, 'i32', 1],
  'f32.load': [0x2a, 'f32', 2],
  'v128.load': [SIMD | 0x00, 'v128', 4],
  'v128.load64_zero': [SIMD | 0x5d, 'v128', 3],
  'v128.load32_splat': [SIMD | 0x09, 'v128', 2],
} as const satisfies Readonly<Record<string, readonly [number, ValueType, number]>>;

/** Instructions that write memory: code, and log₂ of the natural alignment. The lane stores write lane 0 or 2. */
export const STORES = {
  'i32.store': [0x36, 2],
  'i32.store16': [0x3b, 1],
  'f32.store': [0x38, 2],
  'v128.store': [SIMD | 0x0b, 4],
  'v128.store64_lane': [SIMD | 0x5b, 3],
  'v128.store32_lane': [SIMD | 0x5a, 2],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

/** Atomic instructions, all on i32. */
export const ATOMICS = {
  'i32.atomic.load': ATOMIC | 0x10,
  'i32.atomic.store': ATOMIC | 0x17,
  'i32.atomic.rmw.add': ATOMIC | 0x1e,
  'i32.atomic.rmw.sub': ATOMIC | 0x25,
  'i32.atomic.rmw.and': ATOMIC | 0x2c,
  'i32.atomic.rmw.or': ATOMIC | 0x33,
  'i32.atomic.rmw.xor': ATOMIC | 0x3a,
  'i32.atomic.rmw.xchg': ATOMIC | 0x41,
  'i32.atomic.rmw.cmpxchg': ATOMIC | 0x48,
} as const;

type Codes = typeof CODES;
export type Instruction = { [Type in ValueType]: keyof Codes[Type] }[ValueType];
export type LoadName = keyof typeof LOADS;
export type StoreName = keyof typeof STORES;
export type AtomicName = keyof typeof ATOMICS;

/** Code and result of each instruction without an address. */
export const INSTRUCTIONS: ReadonlyMap<Instruction, { readonly code: number; readonly result: ValueType }> =
  new Map(
    (['i32', 'i64', 'f32', 'v128'] as const).flatMap((result) =>
      Object.entries(CODES[result]).map(([name, code]) => [name as Instruction, { code, result }] as const),
    ),
  );

/** Instructions of control, locals and constants. */
export const CONTROL = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  branch: 0x0c,
  branchIf: 0x0d,
  return: 0x0f,
  call: 0x10,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  memoryFill: MISC | 0x0b,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  v128Const: SIMD | 0x0c,
  shuffle: SIMD | 0x0d,
  unreachable: 0x00,
  drop: 0x1a,
  empty: 0x40,
} as const;
