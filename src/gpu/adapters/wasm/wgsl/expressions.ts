/** Expressions: names, literals, operators, accesses and calls. */
import { accessIndex, accessMember } from './accesses.ts';
import { builtin } from './builtins.ts';
import { bitcast, construct, constructInferredArray, constructInferredVector } from './constructors.ts';
import { fail } from './error.ts';
import type { Declared, Names } from './names.ts';
import { type Constant, type Operand, toExpressionOf } from './operand.ts';
import { binary, logical, unary } from './operators.ts';
import { arrayLength, atomicBuiltin, isAtomicBuiltin } from './referenceBuiltins.ts';
import { isSubgroupBuiltin } from './subgroupBuiltins.ts';
import type { CallSyntax, ExpressionSyntax, NameSyntax } from './syntax/nodes.ts';
import type { Expression, Place, Reference, ShaderFunction, Type } from './tree.ts';
import { isTypeName, resolveType, vectorSize } from './typeNames.ts';
import { BOOL, F32, I32, numeric, U32 } from './types.ts';

/** Check an expression. */
export function check(syntax: ExpressionSyntax, names: Names): Operand {
  switch (syntax.kind) {
    case 'number':
      return checkNumber(syntax);
    case 'boolean':
      return { kind: 'constant', type: BOOL, value: syntax.value };
    case 'name':
      return checkName(syntax, names);
    case 'call':
      return checkCall(syntax, names);
    case 'index':
      return accessIndex(check(syntax.of, names), check(syntax.index, names), syntax.at);
    case 'member':
      return accessMember(check(syntax.of, names), syntax.name, syntax.at);
    case 'unary':
      if (syntax.operator === '&' || syntax.operator === '*')
        return fail(
          syntax.at,
          'pointers are not supported, but as arguments of atomic builtins and arrayLength',
        );
      return unary(syntax.operator, check(syntax.of, names), syntax.at);
    case 'binary': {
      const [left, right] = [check(syntax.left, names), check(syntax.right, names)];
      return syntax.operator === '&&' || syntax.operator === '||'
        ? logical(syntax.operator, left, right, syntax.at)
        : binary(syntax.operator, left, right, syntax.at);
    }
    default:
      return syntax satisfies never;
  }
}

/** Check a constant expression. Throws a `WgslError` if its value is not known when the shader compiles. */
export function checkConstant(syntax: ExpressionSyntax, names: Names): Constant {
  const operand = check(syntax, names);
  if (operand.kind === 'constant') return operand;
  return fail(syntax.at, 'expected a constant expression, whose value the compiler knows');
}

/** Return the type that the source names. */
export const checkType = (syntax: NameSyntax, names: Names): Type =>
  resolveType(syntax, names, checkConstant);

/** Return what an expression refers to in memory. Throws a `WgslError` if it is a value. */
export function checkReference(syntax: ExpressionSyntax, names: Names): Reference {
  const operand = check(syntax, names);
  if (operand.kind === 'load') return operand.from;
  return fail(syntax.at, 'this is a value, not a variable or a part of one');
}

const SUFFIXED = { i: I32, u: U32, f: F32 };

function checkNumber({ value, suffix }: Extract<ExpressionSyntax, { kind: 'number' }>): Constant {
  if (suffix !== '') return { kind: 'constant', type: SUFFIXED[suffix], value: Number(value) };
  const of = typeof value === 'bigint' ? 'abstract int' : 'abstract float';
  return { kind: 'constant', type: numeric({ of, size: 1 }), value };
}

function checkName({ name, template, at }: NameSyntax, names: Names): Operand {
  const declared = names.find(name, at);
  if (declared && template) fail(at, `${name} takes no template list`);
  switch (declared?.kind) {
    case 'constant':
      return declared.constant;
    case 'variable': {
      const { variable } = declared;
      return { kind: 'load', from: { kind: 'variable', variable, type: variable.type }, type: variable.type };
    }
    case 'type':
    case 'function':
      return fail(at, `${name} is a ${declared.kind}, not a value`);
    case undefined:
      return fail(at, isTypeName(name) ? `${name} is a type, not a value` : `there is no ${name} in scope`);
    default:
      return declared satisfies never;
  }
}

function checkCall(syntax: CallSyntax, names: Names): Operand {
  const { callee, at } = syntax;
  const declared = names.find(callee.name, callee.at);
  if (declared) return callDeclared(declared, syntax, names);
  if (isAtomicBuiltin(callee.name)) return callAtomic(syntax, names);
  if (callee.name === 'arrayLength') return arrayLength(pointedTo(syntax, names), at);
  const operands = syntax.arguments.map((argument) => check(argument, names));
  if (callee.name === 'bitcast') return callBitcast(callee, operands, names);
  if (isTypeName(callee.name)) return constructNamed(callee, operands, names);
  return callBuiltin(callee, operands, names);
}

function callDeclared(declared: Declared, syntax: CallSyntax, names: Names): Operand {
  const { callee, at } = syntax;
  const operands = syntax.arguments.map((argument) => check(argument, names));
  if (declared.kind === 'type') return construct(checkType(callee, names), operands, at);
  if (declared.kind !== 'function') fail(at, `${callee.name} is a ${declared.kind}, not a function`);
  const places = syntax.arguments.map((argument) => argument.at);
  return callFunction(declared.function, operands, places, at);
}

function callFunction(
  callee: ShaderFunction,
  operands: readonly Operand[],
  places: readonly Place[],
  at: Place,
): Expression {
  const { parameters } = callee;
  if (operands.length !== parameters.length)
    fail(at, `${callee.name} takes ${parameters.length} values, found ${operands.length}`);
  const values = operands.map((operand, i) => {
    const parameter = parameters[i];
    if (!parameter) throw new RangeError(`${callee.name} has no parameter ${i}`);
    return toExpressionOf(operand, parameter.type, places[i] ?? at);
  });
  return { kind: 'call', function: callee, arguments: values, type: callee.returns, at };
}

function constructNamed(callee: NameSyntax, operands: readonly Operand[], names: Names): Operand {
  const size = vectorSize(callee.name);
  if (size && !callee.template) return constructInferredVector(size, operands, callee.at);
  if (callee.name === 'array' && !callee.template) return constructInferredArray(operands, callee.at);
  return construct(checkType(callee, names), operands, callee.at);
}

function callBitcast(callee: NameSyntax, operands: readonly Operand[], names: Names): Operand {
  const [type] = callee.template ?? [];
  const [operand] = operands;
  if (type?.kind !== 'name' || !operand || operands.length > 1)
    return fail(callee.at, 'bitcast takes a type and a value, as in bitcast<u32>(x)');
  return bitcast(checkType(type, names), operand, callee.at);
}

function callBuiltin(callee: NameSyntax, operands: readonly Operand[], names: Names): Operand {
  const { name, at } = callee;
  if (isSubgroupBuiltin(name)) names.expectSubgroups(at);
  const result = builtin(name, operands, at);
  if (!result) return fail(at, `there is no function ${name}, or this compiler does not support it`);
  if (result.kind !== 'builtin') return result;
  const [on] = result.arguments;
  const substitute = on?.type && names.builtinFunction(name, on.type);
  if (!substitute) return result;
  // The results of frexp and modf are structs, which only their functions declare.
  return { kind: 'call', function: substitute, arguments: result.arguments, type: substitute.returns, at };
}

/** Return the reference in the first argument, `&x`. */
function pointedTo({ callee, arguments: values }: CallSyntax, names: Names): Reference {
  const [pointer] = values;
  if (pointer?.kind !== 'unary' || pointer.operator !== '&')
    return fail(callee.at, `${callee.name} takes a reference, as in ${callee.name}(&x)`);
  return checkReference(pointer.of, names);
}

function callAtomic(syntax: CallSyntax, names: Names): Operand {
  const operands = syntax.arguments.slice(1).map((argument) => check(argument, names));
  return atomicBuiltin(syntax.callee.name, pointedTo(syntax, names), operands, syntax.at);
}
