/**
 * The builtins of WGSL that WebAssembly has no instruction for, as WGSL. The compiler compiles them together with the shader.
 *
 * The same text serves scalars and vectors, so each component of a vector is the scalar result, bit for bit. All of it is
 * deterministic: sums, products, quotients and square roots of f32, comparisons, conversions and integers. Subnormals are kept.
 * docs/WEBASSEMBLY.md has the measured error of each function: none above 2 ulp.
 */
import type { Prelude, PreludeFunction } from '../wgsl/module.ts';
import type { ScalarName } from '../wgsl/tree.ts';
import { ARITHMETIC_FUNCTIONS, INTEGER_FUNCTIONS } from './arithmetic.ts';
import { BIT_FUNCTIONS, VECTOR_BIT_FUNCTIONS } from './bits.ts';
import { EXPONENTIAL_FUNCTIONS } from './exponential.ts';
import { CROSS_FUNCTIONS, GEOMETRY_FUNCTIONS, SCALAR_GEOMETRY_FUNCTIONS } from './geometry.ts';
import { HALF_FUNCTIONS } from './half.ts';
import { INVERSE_TRIGONOMETRIC_FUNCTIONS } from './inverseTrigonometry.ts';
import { LOGARITHM_FUNCTIONS } from './logarithm.ts';
import { PACKING_FUNCTIONS } from './packing.ts';
import { POWER_FUNCTIONS } from './power.ts';
import { TRIGONOMETRIC_FUNCTIONS } from './trigonometry.ts';

type Functions = Readonly<Record<string, string | undefined>>;

/** Functions of an argument with one of these elements and sizes. Functions call others of the same family, and builtins. */
interface Family {
  readonly elements: readonly ScalarName[];
  readonly sizes: readonly number[];
  readonly functions: Functions;
}

const FAMILIES: readonly Family[] = [
  {
    elements: ['f32'],
    sizes: [1, 2, 3, 4],
    functions: {
      ...ARITHMETIC_FUNCTIONS,
      ...EXPONENTIAL_FUNCTIONS,
      ...LOGARITHM_FUNCTIONS,
      ...POWER_FUNCTIONS,
      ...TRIGONOMETRIC_FUNCTIONS,
      ...INVERSE_TRIGONOMETRIC_FUNCTIONS,
      ...HALF_FUNCTIONS,
    },
  },
  { elements: ['f32'], sizes: [1], functions: SCALAR_GEOMETRY_FUNCTIONS },
  { elements: ['f32'], sizes: [2, 3, 4], functions: GEOMETRY_FUNCTIONS },
  { elements: ['f32'], sizes: [3], functions: CROSS_FUNCTIONS },
  { elements: ['i32'], sizes: [1, 2, 3, 4], functions: INTEGER_FUNCTIONS },
  { elements: ['i32', 'u32'], sizes: [1, 2, 3, 4], functions: BIT_FUNCTIONS },
  { elements: ['i32', 'u32'], sizes: [2, 3, 4], functions: VECTOR_BIT_FUNCTIONS },
];

const PACKING: Functions = { ...HALF_FUNCTIONS, ...PACKING_FUNCTIONS };
/** Type that stands for `T` in the functions that packing calls. */
const PACKED: Shape = { of: 'f32', size: 2 };

interface Shape {
  readonly of: ScalarName;
  readonly size: number;
}

const modules = new Map<string, PreludeFunction | undefined>();

/** Return the function that computes builtin `name` of a first argument of type `on`; undefined if there is none here. */
export const mathFunction: Prelude = (name, on) => {
  const shape: Shape = { of: on.of, size: on.kind === 'vector' ? on.size : 1 };
  const key = `${name} ${typeName(shape)}`;
  if (!modules.has(key)) modules.set(key, makeFunction(name, shape));
  return modules.get(key);
};

function makeFunction(name: string, shape: Shape): PreludeFunction | undefined {
  if (Object.hasOwn(PACKING_FUNCTIONS, name)) return moduleOf(PACKING, name, PACKED);
  const family = FAMILIES.find(
    ({ elements, sizes, functions }) =>
      elements.includes(shape.of) && sizes.includes(shape.size) && Object.hasOwn(functions, name),
  );
  return family && moduleOf(family.functions, name, shape);
}

/** Return the text of function `name` and of those that it calls, each before its callers, for arguments of one shape. */
function moduleOf(functions: Functions, name: string, shape: Shape): PreludeFunction {
  const types: Readonly<Record<string, string>> = {
    T: typeName(shape),
    E: typeName(shape),
    F: typeName({ ...shape, of: 'f32' }),
    I: typeName({ ...shape, of: 'i32' }),
    U: typeName({ ...shape, of: 'u32' }),
    B: typeName({ ...shape, of: 'bool' }),
  };
  const named = (callee: string): string => `${callee}_${types.T?.replaceAll(/\W/g, '')}`;
  const texts = new Map<string, string>();
  const add = (callee: string): void => {
    const text = functions[callee];
    if (text === undefined || texts.has(callee)) return;
    texts.set(callee, '');
    for (const [, inner = ''] of text.matchAll(CALL)) add(inner);
    texts.delete(callee);
    texts.set(
      callee,
      text
        .replaceAll(CALL, (call, inner) => (Object.hasOwn(functions, inner) ? `${named(inner)}(` : call))
        .replaceAll(/\b[TEFIUB]\b/g, (letter) => types[letter] ?? letter),
    );
  };
  add(name);
  return { name: named(name), source: [...texts.values()].join('\n') };
}

const CALL = /\b(\w+)\(/g;

function typeName({ of, size }: Shape): string {
  if (size === 1) return of;
  return of === 'bool' ? `vec${size}<bool>` : `vec${size}${of[0]}`;
}
