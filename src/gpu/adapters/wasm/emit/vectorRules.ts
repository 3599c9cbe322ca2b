/** Algebra of floats and of lanes: what only moves values about, and factors of 1. */
import { bitsOf, packLanes, unpackLanes } from './bits.ts';
import type { Maker, Rule } from './maker.ts';
import { type Immediate, lanesOf, type Op, type Value } from './value.ts';

const ONE = bitsOf(1);
const isAll = (value: Value, bits: number): boolean =>
  value.op === 'v128.const' && lanesOf(value).every((lane) => lane === bits);

const undone =
  (op: Op): Rule =>
  (_, a) =>
    a.op === op ? a.inputs[0] : undefined;
const oneIsNeutral: Rule = (_, a, b) => (b.op === 'f32.const' && b.immediate === ONE ? a : undefined);
const onesAreNeutral: Rule = (_, a, b) => (isAll(b, ONE) ? a : undefined);

function splatted(maker: Maker, a: Value): Value | undefined {
  const { op, inputs, immediate } = a;
  if (op === 'i32.const' || op === 'f32.const') {
    const lane = Number(immediate);
    return maker.vector([lane, lane, lane, lane]);
  }
  const [vector] = inputs;
  if (vector && (op === 'f32x4.extract_lane' || op === 'i32x4.extract_lane')) {
    const lane = Number(immediate);
    return maker.make('shuffle', 'v128', [vector, vector], packLanes([lane, lane, lane, lane]));
  }
  if (a.pinned || (op !== 'f32.load' && op !== 'i32.load')) return undefined;
  return maker.intern('v128.load32_splat', 'v128', inputs, immediate);
}

export const VECTOR_RULES: Readonly<Partial<Record<Op, Rule>>> = {
  'f32.reinterpret_i32': undone('i32.reinterpret_f32'),
  'i32.reinterpret_f32': undone('f32.reinterpret_i32'),
  'v128.not': undone('v128.not'),
  'f32.mul': oneIsNeutral,
  'f32.div': oneIsNeutral,
  'f32x4.mul': onesAreNeutral,
  'f32x4.div': onesAreNeutral,
  'i32x4.add': (_, a, b) => (isAll(b, 0) ? a : isAll(a, 0) ? b : undefined),
  'i32x4.splat': splatted,
  'f32x4.splat': splatted,
};

/** A lane of a vector: from where the vector has it. */
export function extracted(maker: Maker, vector: Value, immediate: Immediate, op: Op): Value | undefined {
  const lane = Number(immediate);
  const type = op === 'f32x4.extract_lane' ? 'f32' : 'i32';
  const [first, second] = vector.inputs;
  switch (vector.op) {
    case 'v128.const': {
      const bits = lanesOf(vector)[lane] ?? 0;
      return type === 'f32' ? maker.f32OfBits(bits) : maker.i32(bits);
    }
    case `${type}x4.splat`:
      return first;
    case 'shuffle': {
      const from = unpackLanes(Number(vector.immediate))[lane] ?? 0;
      const source = from < 4 ? first : second;
      return source && maker.make(op, type, [source], from & 3);
    }
    case `${type}x4.replace_lane`:
      return vector.immediate === lane ? second : first && maker.make(op, type, [first], lane);
    default:
      return undefined;
  }
}

export function shuffled(maker: Maker, a: Value, b: Value, code: number): Value | undefined {
  const lanes = unpackLanes(code);
  if (lanes.every((lane, i) => lane === i)) return a;
  if (a.op === 'v128.const' && b.op === 'v128.const') {
    const both = [...lanesOf(a), ...lanesOf(b)];
    return maker.vector(lanes.map((lane) => both[lane] ?? 0));
  }
  const ofOne = (vector: Value, of: readonly number[]) =>
    maker.make('shuffle', 'v128', [vector, vector], packLanes(of));
  if (a !== b) return lanes.every((lane) => lane < 4) ? ofOne(a, lanes) : undefined;
  if (lanes.some((lane) => lane >= 4))
    return ofOne(
      a,
      lanes.map((lane) => lane & 3),
    );
  const [first, second] = a.inputs;
  if (a.op === 'shuffle' && first && second) {
    const inner = unpackLanes(Number(a.immediate));
    return maker.make('shuffle', 'v128', [first, second], packLanes(lanes.map((lane) => inner[lane] ?? 0)));
  }
  return SAME_LANES.has(a.op) ? a : undefined;
}

/** All lanes of these are equal. */
const SAME_LANES: ReadonlySet<Op> = new Set<Op>(['f32x4.splat', 'i32x4.splat', 'v128.load32_splat']);
