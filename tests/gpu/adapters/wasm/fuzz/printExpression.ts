/** Expressions as tokens, with the parentheses that WGSL's grammar asks for. */

import { type Abstract, type Expression, isConstant, type Reference, type ValueType } from './program.ts';
import { type Style, typeName } from './style.ts';

/** Forms of the grammar ("Operator Expressions"), by what may stand in them without parentheses. */
type Form = 'primary' | 'unary' | 'product' | 'sum' | 'shift' | 'relation' | 'and' | 'or' | '&' | '|' | '^';

interface Printed {
  readonly form: Form;
  readonly tokens: readonly string[];
}

const UNARY: readonly Form[] = ['primary', 'unary'];
const PRODUCT: readonly Form[] = [...UNARY, 'product'];
const SUM: readonly Form[] = [...PRODUCT, 'sum'];
const SHIFT: readonly Form[] = [...SUM, 'shift'];
const RELATION: readonly Form[] = [...SHIFT, 'relation'];

const FORMS: Readonly<Record<string, { form: Form; left: readonly Form[]; right: readonly Form[] }>> = {
  '*': { form: 'product', left: PRODUCT, right: UNARY },
  '/': { form: 'product', left: PRODUCT, right: UNARY },
  '%': { form: 'product', left: PRODUCT, right: UNARY },
  '+': { form: 'sum', left: SUM, right: PRODUCT },
  '-': { form: 'sum', left: SUM, right: PRODUCT },
  '<<': { form: 'shift', left: UNARY, right: UNARY },
  '>>': { form: 'shift', left: UNARY, right: UNARY },
  '==': { form: 'relation', left: SHIFT, right: SHIFT },
  '!=': { form: 'relation', left: SHIFT, right: SHIFT },
  '<': { form: 'relation', left: SHIFT, right: SHIFT },
  '<=': { form: 'relation', left: SHIFT, right: SHIFT },
  '>': { form: 'relation', left: SHIFT, right: SHIFT },
  '>=': { form: 'relation', left: SHIFT, right: SHIFT },
  '&&': { form: 'and', left: [...RELATION, 'and'], right: RELATION },
  '||': { form: 'or', left: [...RELATION, 'or'], right: RELATION },
  '&': { form: '&', left: [...UNARY, '&'], right: UNARY },
  '|': { form: '|', left: [...UNARY, '|'], right: UNARY },
  '^': { form: '^', left: [...UNARY, '^'], right: UNARY },
};

/** Choices for one expression. */
interface Manner {
  readonly style: Style;
  /** True if comparisons with `<` and shifts stand in parentheses, so that no `<` begins a template list. */
  readonly careful: boolean;
}

/**
 * Return the tokens of an expression or of a reference.
 * @param typed - true if its type is given by what is around it, so that a literal needs no suffix.
 */
export function expressionTokens(of: Expression | Reference, style: Style, typed = false): string[] {
  const tokens = printAny(of, { style, careful: false }, typed).tokens;
  if (!mayBeTemplate(tokens)) return [...tokens];
  return [...printAny(of, { style, careful: true }, typed).tokens];
}

const mayBeTemplate = (tokens: readonly string[]): boolean =>
  tokens.some((token) => /^<[<=]?$/.test(token)) && tokens.some((token) => /^>[>=]?$/.test(token));

function printAny(of: Expression | Reference, manner: Manner, typed: boolean): Printed {
  return isReference(of) ? printReference(of, manner) : print(of, manner, typed);
}

const isReference = (of: Expression | Reference): of is Reference =>
  of.kind === 'variable' || of.kind === 'index' || of.kind === 'member' || of.kind === 'component';

/** Put parentheses around what is not in one of the forms, or anyway. */
function within(forms: readonly Form[], { form, tokens }: Printed, { style }: Manner): Printed {
  if (forms.includes(form) && !style.bool(style.parentheses)) return { form, tokens };
  return primary('(', ...tokens, ')');
}

const primary = (...tokens: readonly string[]): Printed => ({ form: 'primary', tokens });

function print(of: Expression, manner: Manner, typed: boolean): Printed {
  const { style } = manner;
  switch (of.kind) {
    case 'literal':
      return literal(of.value, of.type, typed, style);
    case 'abstract':
      return typed
        ? printAbstract(of.of, manner)
        : call(typeName(of.type, style), [printAbstract(of.of, manner)]);
    case 'read':
      return printReference(of.from, manner);
    case 'unary': {
      const operand = within(UNARY, print(of.of, manner, false), manner);
      return { form: 'unary', tokens: [of.operator, ...operand.tokens] };
    }
    case 'binary':
      return binary(of, manner);
    case 'logical':
      return operation(of.operator, print(of.left, manner, false), print(of.right, manner, false), manner);
    case 'builtin':
      return call(of.name, builtinArguments(of, manner));
    case 'call':
      return call(
        of.function.name,
        of.arguments.map((argument) => print(argument, manner, true)),
      );
    case 'construct':
      return construct(of, manner);
    case 'convert':
      return call(typeName(of.type, style), [print(of.of, manner, false)]);
    case 'bitcast':
      return call(`bitcast<${typeName(of.type, style)}>`, [print(of.of, manner, false)]);
    case 'swizzle':
      return postfix(print(of.of, manner, false), ['.', componentNames(of.components, style)], manner);
    case 'element':
      return postfix(print(of.of, manner, false), subscript(of.index, manner), manner);
    case 'arrayLength':
      return call('arrayLength', [{ form: 'unary', tokens: ['&', ...printReference(of.of, manner).tokens] }]);
  }
}

function printReference(of: Reference, manner: Manner): Printed {
  switch (of.kind) {
    case 'variable':
      return primary(of.variable.name);
    case 'index':
      return postfix(printReference(of.base, manner), subscript(of.index, manner), manner);
    case 'component':
      return postfix(
        printReference(of.base, manner),
        ['.', componentNames([of.component], manner.style)],
        manner,
      );
    case 'member': {
      const { type } = of.base;
      if (type.kind !== 'struct') throw new TypeError(`a member of ${type.kind}`);
      return postfix(printReference(of.base, manner), ['.', type.members[of.member].name], manner);
    }
  }
}

const subscript = (index: Expression, manner: Manner): string[] => [
  ...['[', ...print(index, manner, index.kind === 'literal').tokens, ']'],
];

/** A base in parentheses is the same base: also of a reference. */
function postfix(base: Printed, rest: readonly string[], manner: Manner): Printed {
  return primary(...within(['primary'], base, manner).tokens, ...rest);
}

function call(name: string, list: readonly Printed[]): Printed {
  return primary(name, '(', ...list.flatMap(({ tokens }, i) => [...(i > 0 ? [','] : []), ...tokens]), ')');
}

function componentNames(components: readonly number[], style: Style): string {
  const names = style.bool(0.8) ? 'xyzw' : 'rgba';
  return components.map((component) => names[component]).join('');
}

/** A literal beside an operand that has a type needs none, unless both are constants. */
function binary(of: Extract<Expression, { kind: 'binary' }>, manner: Manner): Printed {
  const { operator, left, right } = of;
  const shift = operator === '<<' || operator === '>>';
  const leftTyped = !shift && !isConstant(right);
  const rightTyped = shift || !isConstant(left);
  return operation(operator, print(left, manner, leftTyped), print(right, manner, rightTyped), manner);
}

function operation(operator: string, left: Printed, right: Printed, manner: Manner): Printed {
  const rule = FORMS[operator];
  const tokens = [
    ...within(rule.left, left, manner).tokens,
    operator,
    ...within(rule.right, right, manner).tokens,
  ];
  const comparison = rule.form === 'relation' || rule.form === 'shift';
  return manner.careful && comparison ? primary('(', ...tokens, ')') : { form: rule.form, tokens };
}

/** Values of one type: one of them that is no constant gives its type to the others. */
function builtinArguments(of: Extract<Expression, { kind: 'builtin' }>, manner: Manner): Printed[] {
  const values = of.name === 'select' ? of.arguments.slice(0, 2) : of.arguments;
  const typed = values.some((argument) => !isConstant(argument));
  return of.arguments.map((argument) => print(argument, manner, typed));
}

function construct(of: Extract<Expression, { kind: 'construct' }>, manner: Manner): Printed {
  const { style } = manner;
  const { type, parts } = of;
  if (type.kind === 'value' && type.size > 1 && parts.length > 0 && style.bool(0.2)) {
    // The type of the components follows from the parts.
    const first = parts.findIndex((part) => !isConstant(part));
    if (first !== -1)
      return call(
        `vec${type.size}`,
        parts.map((part) => print(part, manner, true)),
      );
    return call(
      `vec${type.size}`,
      parts.map((part) => print(part, manner, false)),
    );
  }
  return call(
    typeName(type, style),
    parts.map((part) => print(part, manner, true)),
  );
}

const SUFFIX = { f32: 'f', i32: 'i', u32: 'u' } as const;

function literal(value: number | boolean, { of }: ValueType, typed: boolean, style: Style): Printed {
  if (typeof value === 'boolean' || of === 'bool') return primary(String(value));
  const bare = typed && style.bool();
  const positive = positiveLiteral(Math.abs(value), of, bare, style);
  if (value > 0 || Object.is(value, 0)) return primary(positive);
  // 2147483648 is no i32: its negation is written with another constant.
  if (value === -(2 ** 31) && of === 'i32' && !bare) return primary('(', '-', '2147483647i', '-', '1i', ')');
  return { form: 'unary', tokens: ['-', positive] };
}

function positiveLiteral(value: number, of: 'f32' | 'i32' | 'u32', bare: boolean, style: Style): string {
  if (of !== 'f32') {
    const digits = style.bool(0.2) ? `0x${value.toString(16)}` : String(value);
    return bare ? digits : `${digits}${SUFFIX[of]}`;
  }
  const text = String(value);
  const whole = /^\d+$/.test(text);
  if (!bare) return style.bool(0.3) && whole ? `${text}.0f` : `${text}f`;
  // Without a point or exponent it is an integer, which has no negative zero.
  return whole && (value === 0 || value > 2 ** 53 || style.bool()) ? `${text}.0` : text;
}

function printAbstract(of: Abstract, manner: Manner): Printed {
  if (of.kind === 'operation')
    return operation(of.operator, printAbstract(of.left, manner), printAbstract(of.right, manner), manner);
  const text = String(Math.abs(of.value));
  const digits = of.kind === 'float' && /^\d+$/.test(text) ? `${text}.0` : text;
  return of.value < 0 || Object.is(of.value, -0) ? { form: 'unary', tokens: ['-', digits] } : primary(digits);
}
