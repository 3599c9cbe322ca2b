/** The entry point: the one function with `@compute`, its workgroup size and builtin values (WGSL sections 13.3 and 13.4). */
import { fail } from './error.ts';
import { checkConstant } from './expressions.ts';
import type { Module } from './module.ts';
import { integerOf } from './operand.ts';
import type { AttributeSyntax, FunctionSyntax, ModuleSyntax, ParameterSyntax } from './syntax/nodes.ts';
import type { BuiltinValue, EntryPoint, Place, Type } from './tree.ts';
import { typeName, U32, vector } from './types.ts';

const VEC3U = vector('u32', 3);
const BUILTIN_TYPES: Readonly<Record<BuiltinValue, Type>> = {
  workgroup_id: VEC3U,
  num_workgroups: VEC3U,
  local_invocation_id: VEC3U,
  global_invocation_id: VEC3U,
  local_invocation_index: U32,
  subgroup_invocation_id: U32,
  subgroup_size: U32,
};
const isBuiltinValue = (name: string): name is BuiltinValue => Object.hasOwn(BUILTIN_TYPES, name);

/** Most invocations in a workgroup, and most in z (WebGPU section 3.6.2, the limits that every adapter has). */
const MAX_INVOCATIONS = 256;
const MAX_SIZES = [256, 256, 64] as const;

/** Return the entry point of a module. Throws a `WgslError` if there is none or more than one. */
export function entryPoint(source: ModuleSyntax, module: Module): EntryPoint {
  const functions = source.declarations.filter((declaration) => declaration.kind === 'function');
  for (const syntax of functions) expectFunctionAttributes(syntax);
  const [syntax, another] = functions.filter(isEntry);
  if (!syntax)
    return fail({ line: 1, column: 1 }, 'the source has no entry point: no function with @compute');
  if (another) fail(another.at, 'the source has two entry points; one is supported');
  const entry = module.function(syntax.name);
  if (!entry) throw new TypeError(`${syntax.name} is a function`);
  if (syntax.returns) fail(syntax.at, 'a compute entry point returns no value');
  const builtins = syntax.parameters.map((parameter, i) =>
    builtinValue(parameter, entry.parameters[i]?.type, module),
  );
  builtins.forEach((builtin, i) => {
    if (builtins.indexOf(builtin) < i)
      fail(syntax.parameters[i]?.at ?? syntax.at, `${builtin} is a parameter twice`);
  });
  return { function: entry, workgroupSize: workgroupSize(syntax, module), builtins };
}

const isEntry = ({ attributes }: FunctionSyntax): boolean =>
  attributes.some(({ name }) => name === 'compute');

const FUNCTION_ATTRIBUTES: ReadonlySet<string> = new Set([
  'compute',
  'workgroup_size',
  'diagnostic',
  'must_use',
]);

function expectFunctionAttributes(syntax: FunctionSyntax): void {
  for (const { name, at } of syntax.attributes)
    if (!FUNCTION_ATTRIBUTES.has(name)) fail(at, `@${name} is not supported on a function`);
  if (isEntry(syntax)) return;
  const attributes = syntax.parameters.flatMap((parameter) => parameter.attributes);
  const [attribute] = attributes;
  if (attribute) fail(attribute.at, `@${attribute.name} stands before a parameter of no entry point`);
}

function builtinValue(
  { attributes, name, at }: ParameterSyntax,
  type: Type | undefined,
  module: Module,
): BuiltinValue {
  const [attribute, ...others] = attributes;
  if (attribute?.name !== 'builtin' || others.length > 0)
    return fail(
      at,
      `parameter ${name} of the entry point needs @builtin(…); structs of builtin values are not supported`,
    );
  const builtin = wordOf(attribute);
  if (!isBuiltinValue(builtin)) return fail(attribute.at, `the builtin value ${builtin} is not supported`);
  if (type !== BUILTIN_TYPES[builtin])
    fail(at, `${builtin} is a ${typeName(BUILTIN_TYPES[builtin])}, not a ${type ? typeName(type) : 'value'}`);
  if (builtin.startsWith('subgroup_')) module.expectSubgroups(attribute.at);
  return builtin;
}

function wordOf({ arguments: [value], at }: AttributeSyntax): string {
  return value?.kind === 'name' ? value.name : fail(at, '@builtin takes the name of a builtin value');
}

function workgroupSize(syntax: FunctionSyntax, module: Module): readonly [number, number, number] {
  const attribute = syntax.attributes.find(({ name }) => name === 'workgroup_size');
  if (!attribute) return fail(syntax.at, 'the entry point needs @workgroup_size(…)');
  const { at, arguments: values } = attribute;
  if (values.length < 1 || values.length > 3) fail(at, '@workgroup_size takes 1 to 3 numbers');
  const [x = 1, y = 1, z = 1] = values.map((value) => integerOf(checkConstant(value, module)) ?? 0);
  [x, y, z].forEach((size, i) => {
    expectSize(size, MAX_SIZES[i] ?? 1, values[i]?.at ?? at);
  });
  if (x * y * z > MAX_INVOCATIONS)
    fail(at, `a workgroup has at most ${MAX_INVOCATIONS} invocations, found ${x * y * z}`);
  return [x, y, z];
}

function expectSize(size: number, most: number, at: Place): void {
  if (size < 1 || size > most) fail(at, `a size of a workgroup is an integer from 1 to ${most}`);
}
