/**
 * The typed tree of a WGSL shader: what the checker makes of the parser's tree, and what the emitter and the interpreter read.
 *
 * Every name is resolved, every type is concrete, every overload is chosen. Constant expressions are evaluated. A scalar beside
 * a vector is a splat. `for` and `while` are loops, `a += b` is an assignment. Nothing here knows WebAssembly.
 */

/** A position in the source; both numbers begin at 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export type ScalarName = 'f32' | 'i32' | 'u32' | 'bool';

export interface ScalarType {
  readonly kind: 'scalar';
  readonly of: ScalarName;
}

export interface VectorType {
  readonly kind: 'vector';
  readonly of: ScalarName;
  readonly size: 2 | 3 | 4;
}

/** An array. Without `length` it is runtime-sized: a storage buffer, or its last member. */
export interface ArrayType {
  readonly kind: 'array';
  readonly of: Type;
  readonly length: number | undefined;
  /** Bytes from one element to the next. */
  readonly stride: number;
}

export interface StructMember {
  readonly name: string;
  readonly type: Type;
  /** Bytes from the start of the struct. */
  readonly offset: number;
}

export interface StructType {
  readonly kind: 'struct';
  readonly name: string;
  readonly members: readonly StructMember[];
  /** Bytes, a multiple of `align`. Without the elements of a runtime-sized last member. */
  readonly size: number;
  readonly align: number;
}

export interface AtomicType {
  readonly kind: 'atomic';
  readonly of: 'i32' | 'u32';
}

export type Type = ScalarType | VectorType | ArrayType | StructType | AtomicType;

/**
 * The kind of memory of a variable. `value`: a `let`, or a parameter; it never changes. `function`, `private`: one for each invocation.
 */
export type AddressSpace = 'value' | 'function' | 'private' | 'workgroup' | 'uniform' | 'storage';

/** A declared name. Two variables are the same if they are the same object. */
export interface Variable {
  readonly name: string;
  readonly type: Type;
  readonly space: AddressSpace;
  /** Number of its binding: of uniform and storage variables. */
  readonly binding?: number | undefined;
  /** True if the shader may write it: of storage variables. */
  readonly writable?: boolean | undefined;
  /** Its value at the start: of private variables; absent for zero. */
  readonly initial?: Expression | undefined;
}

/** A place in memory that is read or written. */
export type Reference =
  | { readonly kind: 'variable'; readonly variable: Variable; readonly type: Type }
  /** An element of an array, or a component of a vector that is chosen at run time. The index is an i32 or a u32. */
  | {
      readonly kind: 'index';
      readonly base: Reference;
      readonly index: Expression;
      readonly type: Type;
      readonly at: Place;
    }
  | { readonly kind: 'member'; readonly base: Reference; readonly member: number; readonly type: Type }
  /** A component of a vector, 0 to 3. */
  | {
      readonly kind: 'component';
      readonly base: Reference;
      readonly component: number;
      readonly type: ScalarType;
    };

/** Arithmetic, bits and comparisons; both operands have the same type. Shifts: the right one is u32. */
export type BinaryOperator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '&'
  | '|'
  | '^'
  | '<<'
  | '>>'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>=';

export type Expression =
  | { readonly kind: 'literal'; readonly value: number | boolean; readonly type: ScalarType }
  /** The present value of a variable, an element or a member. A `let` or a parameter, and a part of one, is loaded, too. */
  | { readonly kind: 'load'; readonly from: Reference; readonly type: Type }
  /** An element of an array value, or of a vector value, that is chosen at run time. */
  | {
      readonly kind: 'element';
      readonly of: Expression;
      readonly index: Expression;
      readonly type: Type;
      readonly at: Place;
    }
  /** A member of a struct value. */
  | { readonly kind: 'field'; readonly of: Expression; readonly member: number; readonly type: Type }
  /** Components of a vector value: one makes a scalar. */
  | {
      readonly kind: 'swizzle';
      readonly of: Expression;
      readonly components: readonly number[];
      readonly type: ScalarType | VectorType;
    }
  /** `-`: numbers. `!`: bool. `~`: integers. */
  | {
      readonly kind: 'unary';
      readonly operator: '-' | '!' | '~';
      readonly of: Expression;
      readonly type: ScalarType | VectorType;
    }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly type: ScalarType | VectorType;
      readonly at: Place;
    }
  /** `&&` and `||`: the right operand is evaluated only if it decides. */
  | {
      readonly kind: 'logical';
      readonly operator: '&&' | '||';
      readonly left: Expression;
      readonly right: Expression;
      readonly type: ScalarType;
    }
  /** A scalar in every component. */
  | { readonly kind: 'splat'; readonly of: Expression; readonly type: VectorType }
  /** A vector of scalars and vectors, an array of its elements, or a struct of its members. Without parts: all zero. */
  | { readonly kind: 'construct'; readonly parts: readonly Expression[]; readonly type: Type }
  /** A conversion of values, component by component: `f32(x)`, `vec4u(v)`. */
  | { readonly kind: 'convert'; readonly of: Expression; readonly type: ScalarType | VectorType }
  | { readonly kind: 'bitcast'; readonly of: Expression; readonly type: ScalarType | VectorType }
  /** A builtin function of values, by its WGSL name: `min`, `dot`, `select`, `subgroupBroadcast`, … */
  | {
      readonly kind: 'builtin';
      readonly name: string;
      readonly arguments: readonly Expression[];
      readonly type: ScalarType | VectorType;
      readonly at: Place;
    }
  /** An atomic operation, by its WGSL name: `atomicAdd`, … `atomicStore` has no use as a value. */
  | {
      readonly kind: 'atomic';
      readonly name: string;
      readonly on: Reference;
      readonly arguments: readonly Expression[];
      readonly type: ScalarType;
      readonly at: Place;
    }
  | { readonly kind: 'arrayLength'; readonly of: Reference; readonly type: ScalarType }
  /** A call of a function of the shader. `type` is undefined if it returns nothing. */
  | {
      readonly kind: 'call';
      readonly function: ShaderFunction;
      readonly arguments: readonly Expression[];
      readonly type: Type | undefined;
      readonly at: Place;
    };

export type Statement =
  /** A `let` or a `var` of a function. Without a value it is zero, each time that the statement runs. */
  | {
      readonly kind: 'declare';
      readonly variable: Variable;
      readonly value: Expression | undefined;
      readonly at: Place;
    }
  /** The indices in `to` are evaluated first, then the value. */
  | { readonly kind: 'assign'; readonly to: Reference; readonly value: Expression; readonly at: Place }
  /** A call for its effect, or a value that is dropped. */
  | { readonly kind: 'evaluate'; readonly value: Expression; readonly at: Place }
  | { readonly kind: 'block'; readonly body: readonly Statement[] }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly then: readonly Statement[];
      readonly else: readonly Statement[];
      readonly at: Place;
    }
  /**
   * Before each turn, `condition` ends the loop if it is false; then comes `body`, then `continuing` (also after `continue`), then
   * `breakIf` ends the loop if it is true. `body`, `continuing` and `breakIf` are one scope. Of `for`, the first part stands before
   * the loop, in a block around both.
   */
  | {
      readonly kind: 'loop';
      readonly condition: Expression | undefined;
      readonly body: readonly Statement[];
      readonly continuing: readonly Statement[];
      readonly breakIf: Expression | undefined;
      readonly at: Place;
    }
  | {
      readonly kind: 'switch';
      readonly on: Expression;
      readonly cases: readonly SwitchCase[];
      readonly at: Place;
    }
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' }
  | { readonly kind: 'return'; readonly value: Expression | undefined; readonly at: Place }
  /** `workgroupBarrier` or `storageBarrier`. */
  | { readonly kind: 'barrier'; readonly name: string; readonly at: Place };

export interface SwitchCase {
  /** Values that select it; a `default` is among them as undefined. */
  readonly values: readonly (number | undefined)[];
  readonly body: readonly Statement[];
}

/** A function of the shader. */
export interface ShaderFunction {
  readonly name: string;
  readonly parameters: readonly Variable[];
  readonly returns: Type | undefined;
  readonly body: readonly Statement[];
  readonly at: Place;
}

export type BuiltinValue =
  | 'workgroup_id'
  | 'num_workgroups'
  | 'local_invocation_id'
  | 'local_invocation_index'
  | 'global_invocation_id'
  | 'subgroup_invocation_id'
  | 'subgroup_size';

/** The entry point. */
export interface EntryPoint {
  readonly function: ShaderFunction;
  readonly workgroupSize: readonly [number, number, number];
  /** The builtin value of each parameter of the function, in order. */
  readonly builtins: readonly BuiltinValue[];
}

/** A checked shader. */
export interface Shader {
  readonly entry: EntryPoint;
  /** Functions that the entry point calls, directly or not; a callee stands before its callers. */
  readonly functions: readonly ShaderFunction[];
  /** Variables that the functions use: uniform and storage in the order of their bindings, then private, then workgroup. */
  readonly variables: readonly Variable[];
  /** True if it enables subgroups. */
  readonly subgroups: boolean;
}
