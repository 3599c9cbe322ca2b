/** Structs: members and their places in memory (WGSL sections 6.2.10 and 14.4). */
import { fail } from './error.ts';
import { checkConstant, checkType } from './expressions.ts';
import { sizes } from './layout.ts';
import type { Names } from './names.ts';
import { integerOf } from './operand.ts';
import type { ParameterSyntax, StructSyntax } from './syntax/nodes.ts';
import type { StructMember, StructType, Type } from './tree.ts';

/** Return the type of a struct. */
export function structType({ name, members: list }: StructSyntax, names: Names): StructType {
  const members: StructMember[] = [];
  const known = new Set<string>();
  let end = 0;
  let align = 4;
  for (const syntax of list) {
    if (known.has(syntax.name)) fail(syntax.at, `struct ${name} has two members ${syntax.name}`);
    known.add(syntax.name);
    if (isRuntimeSized(members.at(-1)?.type))
      fail(syntax.at, `${syntax.name} follows an array without length, which is the last member of a struct`);
    const type = checkType(syntax.type, names);
    const natural = sizes(type);
    const { size = natural.size, align: memberAlign = natural.align } = layoutAttributes(
      syntax,
      natural,
      names,
    );
    const offset = roundUp(end, memberAlign);
    members.push({ name: syntax.name, type, offset });
    end = isRuntimeSized(type) ? offset : offset + size;
    align = Math.max(align, memberAlign);
  }
  return { kind: 'struct', name, members, size: roundUp(end, align), align };
}

const isRuntimeSized = (type: Type | undefined): boolean =>
  type?.kind === 'array' && type.length === undefined;
const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** Return what `@size` and `@align` give. */
function layoutAttributes(
  { attributes }: ParameterSyntax,
  natural: { readonly size: number; readonly align: number },
  names: Names,
): { readonly size?: number; readonly align?: number } {
  const given: { size?: number; align?: number } = {};
  for (const { name, arguments: values, at } of attributes) {
    const [value, ...others] = values;
    if ((name !== 'size' && name !== 'align') || !value || others.length > 0)
      fail(at, `@${name} is not supported on a member; @size(bytes) and @align(bytes) are`);
    const bytes = integerOf(checkConstant(value, names));
    if (bytes === undefined || bytes < natural[name])
      fail(value.at, `@${name} takes at least ${natural[name]} here`);
    if (name === 'align' && !Number.isInteger(Math.log2(bytes))) fail(value.at, '@align takes a power of 2');
    given[name] = bytes;
  }
  return given;
}
