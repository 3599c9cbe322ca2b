/**
 * Abstract programs: what a fuzzed shader means, apart from its text. `generate/` makes them, `print.ts` writes them as WGSL, and
 * `evaluate.ts` runs them by the rules of the WGSL specification (https://www.w3.org/TR/WGSL/). Nothing here is shared with the
 * compiler under test.
 */

/** Names of the scalar types. */
export type ScalarName = 'f32' | 'i32' | 'u32' | 'bool';

/** Number of components; 1 is a scalar. */
export type Size = 1 | 2 | 3 | 4;

/** A scalar or a vector. */
export interface ValueType {
  readonly kind: 'value';
  readonly of: ScalarName;
  readonly size: Size;
}

/** An array; without `length` it is runtime-sized. */
export interface ArrayType {
  readonly kind: 'array';
  readonly of: Type;
  readonly length: number | undefined;
}

export interface StructType {
  readonly kind: 'struct';
  readonly name: string;
  readonly members: readonly { readonly name: string; readonly type: Type }[];
}

export type Type = ValueType | ArrayType | StructType;

/** Return the type of a scalar, or of a vector of `size` components. */
export const value = (of: ScalarName, size: Size = 1): ValueType => ({ kind: 'value', of, size });

export const F32 = value('f32');
export const I32 = value('i32');
export const U32 = value('u32');
export const BOOL = value('bool');

/** Return true if two types are the same. Structs are the same if their names are. */
export function sameType(a: Type, b: Type): boolean {
  if (a.kind === 'value') return b.kind === 'value' && a.of === b.of && a.size === b.size;
  if (a.kind === 'struct') return b.kind === 'struct' && a.name === b.name;
  return b.kind === 'array' && a.length === b.length && sameType(a.of, b.of);
}

/** The kind of a variable. `let`, `parameter` and `const` never change. */
export type Space =
  | 'const'
  | 'let'
  | 'parameter'
  | 'var'
  | 'private'
  | 'workgroup'
  | 'uniform'
  | 'read'
  | 'read_write';

/** A declared name. Two variables are the same if they are the same object. */
export interface Variable {
  readonly name: string;
  readonly type: Type;
  readonly space: Space;
  /** Its value at the start: of constants, and of private variables that do not begin as zero. */
  readonly initial?: Expression;
  /** Number of the binding: of uniform and storage variables. */
  readonly binding?: number;
}

/** A place in memory. */
export type Reference =
  | { readonly kind: 'variable'; readonly variable: Variable; readonly type: Type }
  /** An element of an array or of a vector. */
  | { readonly kind: 'index'; readonly base: Reference; readonly index: Expression; readonly type: Type }
  | { readonly kind: 'member'; readonly base: Reference; readonly member: number; readonly type: Type }
  | { readonly kind: 'component'; readonly base: Reference; readonly component: number; readonly type: Type };

export type Arithmetic = '+' | '-' | '*' | '/' | '%';
export type Bitwise = '&' | '|' | '^';
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type BinaryOperator = Arithmetic | Bitwise | '<<' | '>>' | Comparison;

/** An expression of literals without a type: integers of 64 bits, or f64 numbers. */
export type Abstract =
  | { readonly kind: 'integer' | 'float'; readonly value: number }
  | {
      readonly kind: 'operation';
      readonly operator: '+' | '-' | '*' | '/';
      readonly left: Abstract;
      readonly right: Abstract;
    };

/** Builtin functions with exact results. */
export type BuiltinName =
  | 'abs'
  | 'all'
  | 'any'
  | 'ceil'
  | 'clamp'
  | 'countLeadingZeros'
  | 'countOneBits'
  | 'countTrailingZeros'
  | 'dot'
  | 'floor'
  | 'fract'
  | 'max'
  | 'min'
  | 'reverseBits'
  | 'round'
  | 'select'
  | 'sign'
  | 'sqrt'
  | 'trunc';

export type Expression =
  | { readonly kind: 'literal'; readonly value: number | boolean; readonly type: ValueType }
  /** A constant expression without a type, converted to `type`. */
  | { readonly kind: 'abstract'; readonly of: Abstract; readonly type: ValueType }
  | { readonly kind: 'read'; readonly from: Reference; readonly type: Type }
  | {
      readonly kind: 'unary';
      readonly operator: '-' | '!' | '~';
      readonly of: Expression;
      readonly type: ValueType;
    }
  /** Arithmetic also takes a scalar beside a vector, on either side. */
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly type: ValueType;
    }
  | {
      readonly kind: 'logical';
      readonly operator: '&&' | '||';
      readonly left: Expression;
      readonly right: Expression;
      readonly type: ValueType;
    }
  | {
      readonly kind: 'builtin';
      readonly name: BuiltinName;
      readonly arguments: readonly Expression[];
      readonly type: ValueType;
    }
  | {
      readonly kind: 'call';
      readonly function: Procedure;
      readonly arguments: readonly Expression[];
      readonly type: Type;
    }
  /** A vector of scalars and vectors, or of one scalar; an array of its elements. Without parts: zero. */
  | { readonly kind: 'construct'; readonly parts: readonly Expression[]; readonly type: Type }
  | { readonly kind: 'convert'; readonly of: Expression; readonly type: ValueType }
  | { readonly kind: 'bitcast'; readonly of: Expression; readonly type: ValueType }
  | {
      readonly kind: 'swizzle';
      readonly of: Expression;
      readonly components: readonly number[];
      readonly type: ValueType;
    }
  /** An element of a value: an index into a vector. */
  | { readonly kind: 'element'; readonly of: Expression; readonly index: Expression; readonly type: Type }
  | { readonly kind: 'arrayLength'; readonly of: Reference; readonly type: ValueType };

export type Statement =
  | { readonly kind: 'declare'; readonly variable: Variable; readonly value: Expression | undefined }
  | { readonly kind: 'assign'; readonly to: Reference; readonly value: Expression }
  /** `to operator= value`. */
  | {
      readonly kind: 'compound';
      readonly operator: Arithmetic | Bitwise | '<<' | '>>';
      readonly to: Reference;
      readonly value: Expression;
    }
  | { readonly kind: 'step'; readonly operator: '++' | '--'; readonly to: Reference }
  /** `_ = value`. */
  | { readonly kind: 'drop'; readonly value: Expression }
  | { readonly kind: 'call'; readonly function: Procedure; readonly arguments: readonly Expression[] }
  | { readonly kind: 'block'; readonly body: readonly Statement[] }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly yes: readonly Statement[];
      readonly no: readonly Statement[];
    }
  | {
      readonly kind: 'for';
      readonly first: Statement;
      readonly condition: Expression;
      readonly next: Statement;
      readonly body: readonly Statement[];
    }
  | { readonly kind: 'while'; readonly condition: Expression; readonly body: readonly Statement[] }
  | {
      readonly kind: 'loop';
      readonly body: readonly Statement[];
      readonly continuing: readonly Statement[];
      readonly breakIf: Expression | undefined;
    }
  | { readonly kind: 'switch'; readonly on: Expression; readonly cases: readonly Case[] }
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' }
  | { readonly kind: 'return'; readonly value: Expression | undefined }
  | { readonly kind: 'barrier'; readonly name: 'workgroupBarrier' | 'storageBarrier' };

export interface Case {
  /** Values that select it; `undefined` is the default. */
  readonly values: readonly (number | undefined)[];
  readonly body: readonly Statement[];
}

/** A function of the program. */
export interface Procedure {
  readonly name: string;
  readonly parameters: readonly Variable[];
  readonly returns: Type | undefined;
  readonly body: readonly Statement[];
  /** True if it changes more than its own variables. */
  readonly impure: boolean;
  /** True if it has barriers. */
  readonly barriers: boolean;
}

/** Builtin values of the entry point, each a parameter of its own. */
export type BuiltinValue =
  | 'workgroup_id'
  | 'num_workgroups'
  | 'local_invocation_id'
  | 'local_invocation_index'
  | 'global_invocation_id';

export type Triple = readonly [number, number, number];

/** A program with the data that it runs on. */
export interface Program {
  /** Module-scope variables, constants included, in the order of their declarations. */
  readonly variables: readonly Variable[];
  /** A callee stands before its callers. */
  readonly functions: readonly Procedure[];
  readonly builtins: ReadonlyMap<BuiltinValue, Variable>;
  readonly main: readonly Statement[];
  readonly workgroupSize: Triple;
  readonly workgroups: Triple;
  /** Contents of each binding at the start, by its number. */
  readonly data: ReadonlyMap<number, Uint8Array<ArrayBuffer>>;
}

/** Return true if an expression is a constant expression of WGSL. */
export function isConstant(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
    case 'abstract':
      return true;
    case 'read':
      return isConstantReference(expression.from);
    case 'unary':
    case 'convert':
    case 'bitcast':
    case 'swizzle':
      return isConstant(expression.of);
    case 'element':
      return isConstant(expression.of) && isConstant(expression.index);
    case 'binary':
    case 'logical':
      return isConstant(expression.left) && isConstant(expression.right);
    case 'builtin':
      return expression.arguments.every(isConstant);
    case 'construct':
      return expression.parts.every(isConstant);
    case 'call':
    case 'arrayLength':
      return false;
  }
}

function isConstantReference(reference: Reference): boolean {
  if (reference.kind === 'variable') return reference.variable.space === 'const';
  return isConstantReference(reference.base) && (reference.kind !== 'index' || isConstant(reference.index));
}

/** Return the variable that a reference begins at. */
export function rootOf(reference: Reference): Variable {
  return reference.kind === 'variable' ? reference.variable : rootOf(reference.base);
}
