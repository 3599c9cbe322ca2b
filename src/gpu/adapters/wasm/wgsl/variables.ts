/** Variables of module scope (WGSL section 7.3) and their bindings. */
import { fail } from './error.ts';
import { checkConstant, checkType } from './expressions.ts';
import { sizes } from './layout.ts';
import type { Names } from './names.ts';
import { integerOf, toExpression, toExpressionOf } from './operand.ts';
import type { AttributeSyntax, DeclarationSyntax, ExpressionSyntax } from './syntax/nodes.ts';
import type { Place, Type, Variable } from './tree.ts';
import { isConstructible, isHostShareable, typeName } from './types.ts';

type ModuleSpace = 'private' | 'workgroup' | 'uniform' | 'storage';
const SPACES: readonly string[] = ['private', 'workgroup', 'uniform', 'storage'];
const isModuleSpace = (name: string): name is ModuleSpace => SPACES.includes(name);

/** Return the variable that a `var` of module scope declares. */
export function moduleVariable(syntax: DeclarationSyntax, names: Names): Variable {
  const { name, at } = syntax;
  const [space, access, ...others] = (syntax.template ?? []).map((part) => predeclared(part, names));
  if (!space || !isModuleSpace(space) || others.length > 0)
    fail(
      at,
      `var ${name} needs an address space: private, workgroup, uniform or storage, as in var<storage, read>`,
    );
  if (space === 'private' || space === 'workgroup') return ownVariable(syntax, space, access, names);
  return boundVariable(syntax, space, access, names);
}

/** Return the predeclared name of an address space or an access. */
function predeclared(syntax: ExpressionSyntax, names: Names): string {
  if (syntax.kind !== 'name' || syntax.template || names.find(syntax.name, syntax.at))
    fail(syntax.at, 'expected an address space or an access');
  return syntax.name;
}

/** Return a variable that the shader has for itself. */
function ownVariable(
  syntax: DeclarationSyntax,
  space: 'private' | 'workgroup',
  access: string | undefined,
  names: Names,
): Variable {
  const { name, at } = syntax;
  if (access) fail(at, `var<${space}> takes no access`);
  const [attribute] = syntax.attributes;
  if (attribute) fail(attribute.at, `@${attribute.name} stands before a variable without a binding`);
  if (space === 'workgroup' && syntax.value)
    fail(syntax.value.at, 'a workgroup variable has no initial value; it is zero');
  const initial = syntax.value && checkConstant(syntax.value, names);
  const type = syntax.type
    ? checkType(syntax.type, names)
    : initial
      ? (toExpression(initial, at).type ?? fail(at, `var ${name} has no type`))
      : fail(at, `var ${name} has neither a type nor a value`);
  expectPlaced(type, space, name, at);
  const value = initial && syntax.value && toExpressionOf(initial, type, syntax.value.at);
  return { name, type, space, initial: value };
}

function expectPlaced(type: Type, space: 'private' | 'workgroup', name: string, at: Place): void {
  const fits = space === 'private' ? isConstructible(type) : hasFixedSize(type);
  if (!fits) fail(at, `var<${space}> ${name} cannot be of type ${typeName(type)}`);
}

function hasFixedSize(type: Type): boolean {
  if (type.kind === 'array') return type.length !== undefined && hasFixedSize(type.of);
  return type.kind !== 'struct' || type.members.every((member) => hasFixedSize(member.type));
}

/** Return a variable in a buffer. */
function boundVariable(
  syntax: DeclarationSyntax,
  space: 'uniform' | 'storage',
  access: string | undefined,
  names: Names,
): Variable {
  const { name, at } = syntax;
  if (syntax.value) fail(syntax.value.at, `${name} is in a buffer and has no initial value`);
  if (!syntax.type) fail(at, `var ${name} has no type`);
  if (access && (space === 'uniform' || (access !== 'read' && access !== 'read_write')))
    fail(
      at,
      `the access ${access} is not supported; var<uniform>, var<storage, read> and var<storage, read_write> are`,
    );
  const type = checkType(syntax.type, names);
  const writable = access === 'read_write';
  if (!isHostShareable(type)) fail(at, `a buffer contains no bool; ${name} is a ${typeName(type)}`);
  if (space === 'uniform') expectUniform(type, name, at);
  if (!writable && hasAtomic(type)) fail(at, `${name} has atomics, which need var<storage, read_write>`);
  return { name, type, space, binding: bindingOf(syntax, names), writable };
}

function hasAtomic(type: Type): boolean {
  if (type.kind === 'array') return hasAtomic(type.of);
  return type.kind === 'struct'
    ? type.members.some((member) => hasAtomic(member.type))
    : type.kind === 'atomic';
}

/** Throw a `WgslError` if a type breaks the layout rules of uniform buffers (WGSL section 14.4.3). */
function expectUniform(type: Type, name: string, at: Place): void {
  if (!isConstructible(type)) fail(at, `var<uniform> ${name} cannot be of type ${typeName(type)}`);
  if (type.kind === 'array') {
    if (type.stride % 16 !== 0)
      fail(
        at,
        `the elements of an array in var<uniform> ${name} are ${type.stride} bytes apart, not a multiple of 16`,
      );
    expectUniform(type.of, name, at);
  }
  if (type.kind !== 'struct') return;
  type.members.forEach((member, i) => {
    expectUniform(member.type, name, at);
    const composite = member.type.kind === 'struct' || member.type.kind === 'array';
    if (composite && member.offset % 16 !== 0)
      fail(
        at,
        `member ${member.name} of var<uniform> ${name} stands at byte ${member.offset}, not a multiple of 16`,
      );
    const next = type.members[i + 1];
    if (
      next &&
      member.type.kind === 'struct' &&
      next.offset < roundUp16(member.offset + sizes(member.type).size)
    )
      fail(at, `member ${next.name} of var<uniform> ${name} stands within 16 bytes of the struct before it`);
  });
}

const roundUp16 = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Return the number of the binding. All are of group 0. */
function bindingOf({ attributes, name, at }: DeclarationSyntax, names: Names): number {
  const numbers = new Map(attributes.map((attribute) => [attribute.name, numberOf(attribute, names)]));
  for (const attribute of attributes)
    if (attribute.name !== 'group' && attribute.name !== 'binding')
      fail(attribute.at, `@${attribute.name} is not supported on a variable`);
  const [group, binding] = [numbers.get('group'), numbers.get('binding')];
  if (group === undefined || binding === undefined) fail(at, `var ${name} needs @group(0) @binding(n)`);
  if (group !== 0) fail(at, `var ${name} is in group ${group}; only @group(0) is supported`);
  return binding;
}

/** Return the integer that an attribute takes. */
function numberOf({ name, arguments: values, at }: AttributeSyntax, names: Names): number {
  const [value, ...others] = values;
  if (!value || others.length > 0) fail(at, `@${name} takes one number`);
  const number = integerOf(checkConstant(value, names));
  return number !== undefined && number >= 0 ? number : fail(value.at, `@${name} takes an integer from 0`);
}
