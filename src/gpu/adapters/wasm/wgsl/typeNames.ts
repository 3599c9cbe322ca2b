/** Types as the source names them. */
import { fail } from './error.ts';
import type { Names } from './names.ts';
import { type Constant, integerOf } from './operand.ts';
import type { ExpressionSyntax, NameSyntax } from './syntax/nodes.ts';
import type { Place, ScalarName, Type } from './tree.ts';
import { array, atomic, scalar, typeName, vector } from './types.ts';

/** Evaluate a constant expression. */
export type EvaluateConstant = (syntax: ExpressionSyntax, names: Names) => Constant;

const VECTOR_SIZES: ReadonlyMap<string, 2 | 3 | 4> = new Map([
  ['vec2', 2],
  ['vec3', 3],
  ['vec4', 4],
]);
const SUFFIXES = { f: 'f32', i: 'i32', u: 'u32' } as const satisfies Record<string, ScalarName>;

const PREDECLARED: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['f32', scalar('f32')],
  ['i32', scalar('i32')],
  ['u32', scalar('u32')],
  ['bool', scalar('bool')],
  ...([2, 3, 4] as const).flatMap((size) =>
    Object.entries(SUFFIXES).map(([suffix, of]) => [`vec${size}${suffix}`, vector(of, size)] as const),
  ),
]);

const UNSUPPORTED =
  /^(f16|vec[234]h|mat[234]x[234][fh]?|ptr|sampler(_comparison)?|texture_\w+|subgroup_matrix_\w+)$/;

/** Return the number of components that `vec2`, `vec3` or `vec4` names; undefined for other names. */
export const vectorSize = (name: string): 2 | 3 | 4 | undefined => VECTOR_SIZES.get(name);

/** Return true if `name`, not declared by the source, is that of a type or of types. */
export const isTypeName = (name: string): boolean =>
  PREDECLARED.has(name) ||
  VECTOR_SIZES.has(name) ||
  name === 'array' ||
  name === 'atomic' ||
  UNSUPPORTED.test(name);

/** Return the type that the source names. Throws a `WgslError` if it is unknown or not supported. */
export function resolveType(syntax: NameSyntax, names: Names, evaluate: EvaluateConstant): Type {
  const { name, template = [], at } = syntax;
  const declared = names.find(name, at);
  if (declared) {
    if (declared.kind !== 'type') fail(at, `${name} is no type`);
    return withoutTemplate(declared.type, syntax);
  }
  const known = PREDECLARED.get(name);
  if (known) return withoutTemplate(known, syntax);
  const size = vectorSize(name);
  if (size) return vector(elementType(syntax, names, evaluate), size);
  if (name === 'array') return arrayType(syntax, names, evaluate);
  if (name === 'atomic') {
    const of = template.length === 1 ? elementType(syntax, names, evaluate) : undefined;
    if (of !== 'i32' && of !== 'u32') fail(at, 'an atomic is atomic<u32> or atomic<i32>');
    return atomic(of);
  }
  if (UNSUPPORTED.test(name)) fail(at, `the type ${name} is not supported`);
  return fail(at, `there is no type ${name}`);
}

function withoutTemplate(type: Type, { name, template, at }: NameSyntax): Type {
  if (template) fail(at, `${name} takes no template list`);
  return type;
}

/** Return the scalar in the template list of a vector or atomic. */
function elementType(syntax: NameSyntax, names: Names, evaluate: EvaluateConstant): ScalarName {
  const [of, ...others] = syntax.template ?? [];
  if (!of || others.length > 0)
    fail(syntax.at, `${syntax.name} takes the type of its elements, as in ${syntax.name}<f32>`);
  const type = resolveType(typeSyntax(of), names, evaluate);
  if (type.kind !== 'scalar') fail(of.at, `${syntax.name} has no elements of type ${typeName(type)}`);
  return type.of;
}

function typeSyntax(syntax: ExpressionSyntax): NameSyntax {
  return syntax.kind === 'name' ? syntax : fail(syntax.at, 'expected a type');
}

function arrayType({ template, at }: NameSyntax, names: Names, evaluate: EvaluateConstant): Type {
  const [of, count, ...others] = template ?? [];
  if (!of || others.length > 0) fail(at, 'array takes a type and a length, as in array<f32, 4>');
  const element = resolveType(typeSyntax(of), names, evaluate);
  if (element.kind === 'array' && element.length === undefined)
    fail(of.at, 'an array of arrays without length');
  return array(element, count && lengthOf(evaluate(count, names), count.at));
}

function lengthOf(constant: Constant, at: Place): number {
  const length = integerOf(constant);
  return length !== undefined && length >= 1
    ? length
    : fail(at, 'the length of an array is an integer from 1');
}
