/** Writes programs as WGSL. A `Style` decides where the text may differ without a difference in meaning. */

import { expressionTokens } from './printExpression.ts';
import {
  type Procedure,
  type Program,
  type Statement,
  type StructType,
  type Type,
  U32,
  type Variable,
} from './program.ts';
import { join, type Style, typeName } from './style.ts';

/** Return the WGSL of a program. */
export const print = (program: Program, style: Style): string => join(programTokens(program, style), style);

/** Return the tokens of a program, for mutations. */
export function programTokens(program: Program, style: Style): string[] {
  const { builtins, main, workgroupSize, variables, functions } = program;
  const parameters = [...builtins].flatMap(([name, variable], i) => [
    ...(i > 0 ? [','] : []),
    ...['@', 'builtin', '(', name, ')', ...declared(variable, style)],
  ]);
  const sizes = workgroupSize.flatMap((size, i) => (i > 0 ? [',', String(size)] : [String(size)]));
  return [
    ...structsOf(variables).flatMap((struct) => structTokens(struct, style)),
    ...variables.flatMap((variable) => variableTokens(variable, style)),
    ...functions.flatMap((procedure) => functionTokens(procedure, style)),
    ...['@', 'compute', '@', 'workgroup_size', '(', ...sizes, ')'],
    ...['fn', 'main', '(', ...parameters, ')', ...blockTokens(main, style)],
  ];
}

const declared = ({ name, type }: Variable, style: Style): string[] => [name, ':', typeName(type, style)];

/** Return the structs of variables, each once, members before what holds them. */
function structsOf(variables: readonly Variable[]): StructType[] {
  const found = new Map<string, StructType>();
  const visit = (type: Type): void => {
    if (type.kind === 'array') visit(type.of);
    if (type.kind !== 'struct' || found.has(type.name)) return;
    for (const member of type.members) visit(member.type);
    found.set(type.name, type);
  };
  for (const { type } of variables) visit(type);
  return [...found.values()];
}

function structTokens({ name, members }: StructType, style: Style): string[] {
  const fields = members.flatMap((member, i) => [
    ...(i > 0 ? [','] : []),
    ...[member.name, ':', typeName(member.type, style)],
  ]);
  return [
    'struct',
    name,
    '{',
    ...fields,
    ...(style.bool() ? [','] : []),
    '}',
    ...(style.bool() ? [';'] : []),
  ];
}

function variableTokens(variable: Variable, style: Style): string[] {
  const { space, binding, initial } = variable;
  const value = initial ? ['=', ...expressionTokens(initial, style, true)] : [];
  if (space === 'const') return ['const', ...constantHead(variable, style), ...value, ';'];
  const place =
    binding === undefined ? [] : ['@', 'group', '(', '0', ')', '@', 'binding', '(', String(binding), ')'];
  const of = { read: 'storage, read', read_write: 'storage, read_write' }[space as string] ?? space;
  return [...place, 'var', `<${of}>`, ...declared(variable, style), ...value, ';'];
}

/** A constant's type is written, as its value may be an untyped literal. */
const constantHead = (variable: Variable, style: Style): string[] => declared(variable, style);

function functionTokens({ name, parameters, returns, body }: Procedure, style: Style): string[] {
  const list = parameters.flatMap((parameter, i) => [...(i > 0 ? [','] : []), ...declared(parameter, style)]);
  const result = returns ? ['->', typeName(returns, style)] : [];
  return ['fn', name, '(', ...list, ')', ...result, ...blockTokens(body, style)];
}

const blockTokens = (body: readonly Statement[], style: Style): string[] => [
  '{',
  ...body.flatMap((statement) => statementTokens(statement, style)),
  '}',
];

function statementTokens(statement: Statement, style: Style): string[] {
  switch (statement.kind) {
    case 'block':
      return blockTokens(statement.body, style);
    case 'if':
      return ifTokens(statement, style);
    case 'for': {
      const { first, condition, next, body } = statement;
      const head = [
        ...[...simpleTokens(first, style), ';'],
        ...[...expressionTokens(condition, style), ';'],
        ...simpleTokens(next, style),
      ];
      return ['for', '(', ...head, ')', ...blockTokens(body, style)];
    }
    case 'while':
      return ['while', ...conditionTokens(statement.condition, style), ...blockTokens(statement.body, style)];
    case 'loop':
      return loopTokens(statement, style);
    case 'switch':
      return switchTokens(statement, style);
    default:
      return [...simpleTokens(statement, style), ';'];
  }
}

type Of<Kind extends Statement['kind']> = Extract<Statement, { kind: Kind }>;

/** A condition may stand in parentheses. */
function conditionTokens(condition: Of<'if'>['condition'], style: Style): string[] {
  const tokens = expressionTokens(condition, style);
  return style.bool() ? ['(', ...tokens, ')'] : tokens;
}

function ifTokens(statement: Of<'if'>, style: Style): string[] {
  const head = ['if', ...conditionTokens(statement.condition, style), ...blockTokens(statement.yes, style)];
  const [only] = statement.no;
  if (only === undefined) return style.bool(0.9) ? head : [...head, 'else', '{', '}'];
  if (only.kind === 'if' && statement.no.length === 1 && style.bool(0.8))
    return [...head, 'else', ...ifTokens(only, style)];
  return [...head, 'else', ...blockTokens(statement.no, style)];
}

function loopTokens({ body, continuing, breakIf }: Of<'loop'>, style: Style): string[] {
  const last = breakIf ? ['break', 'if', ...expressionTokens(breakIf, style), ';'] : [];
  const inner = continuing.flatMap((statement) => statementTokens(statement, style));
  const end = inner.length + last.length > 0 ? ['continuing', '{', ...inner, ...last, '}'] : [];
  return ['loop', '{', ...body.flatMap((statement) => statementTokens(statement, style)), ...end, '}'];
}

function switchTokens({ on, cases }: Of<'switch'>, style: Style): string[] {
  const unsigned = on.type.kind === 'value' && on.type.of === U32.of;
  const suffix = unsigned ? 'u' : 'i';
  const selector = (value: number | undefined): string =>
    value === undefined ? 'default' : `${value}${style.bool() ? suffix : ''}`;
  const caseTokens = ({ values, body }: Of<'switch'>['cases'][number]): string[] => {
    const colon = style.bool() ? [':'] : [];
    const block = blockTokens(body, style);
    if (values.length === 1 && values[0] === undefined) return ['default', ...colon, ...block];
    const list = values.flatMap((value, i) => [...(i > 0 ? [','] : []), selector(value)]);
    return ['case', ...list, ...colon, ...block];
  };
  return ['switch', ...conditionTokens(on, style), '{', ...cases.flatMap(caseTokens), '}'];
}

/** The tokens of a statement that ends with a semicolon, without it. */
function simpleTokens(statement: Statement, style: Style): string[] {
  switch (statement.kind) {
    case 'declare':
      return declarationTokens(statement, style);
    case 'assign':
      return [
        ...expressionTokens(statement.to, style),
        '=',
        ...expressionTokens(statement.value, style, true),
      ];
    case 'compound':
      return [
        ...[...expressionTokens(statement.to, style), `${statement.operator}=`],
        ...expressionTokens(statement.value, style, true),
      ];
    case 'step':
      return [...expressionTokens(statement.to, style), statement.operator];
    case 'drop':
      return ['_', '=', ...expressionTokens(statement.value, style)];
    // As a whole: its arguments together may look like a template list.
    case 'call':
      return expressionTokens({ ...statement, type: statement.function.returns ?? U32 }, style);
    case 'return':
      return statement.value ? ['return', ...expressionTokens(statement.value, style, true)] : ['return'];
    case 'barrier':
      return [statement.name, '(', ')'];
    case 'break':
    case 'continue':
      return [statement.kind];
    default:
      throw new TypeError(`${statement.kind} is no simple statement`);
  }
}

function declarationTokens({ variable, value }: Of<'declare'>, style: Style): string[] {
  const keyword = variable.space === 'const' ? 'const' : variable.space;
  // Without its type, the value has to have one.
  const typed = value === undefined || style.bool();
  const head = typed ? declared(variable, style) : [variable.name];
  return [keyword, ...head, ...(value ? ['=', ...expressionTokens(value, style, typed)] : [])];
}
