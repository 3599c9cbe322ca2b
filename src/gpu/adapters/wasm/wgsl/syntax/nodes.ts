/** The syntax tree of a shader: what the parser makes of the source. Names are not resolved, and there are no types. */
import type { BinaryOperator, Place } from '../tree.ts';

/** A name with its template list: a variable, `f32`, `array<vec4f, 4>`. */
export interface NameSyntax {
  readonly kind: 'name';
  readonly name: string;
  readonly template: readonly ExpressionSyntax[] | undefined;
  readonly at: Place;
}

export type NumberSuffix = '' | 'i' | 'u' | 'f';

export type ExpressionSyntax =
  | NameSyntax
  /** An integer is a bigint; a float is a number. */
  | {
      readonly kind: 'number';
      readonly value: number | bigint;
      readonly suffix: NumberSuffix;
      readonly at: Place;
    }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly at: Place }
  | CallSyntax
  | {
      readonly kind: 'index';
      readonly of: ExpressionSyntax;
      readonly index: ExpressionSyntax;
      readonly at: Place;
    }
  | { readonly kind: 'member'; readonly of: ExpressionSyntax; readonly name: string; readonly at: Place }
  | {
      readonly kind: 'unary';
      readonly operator: UnaryOperator;
      readonly of: ExpressionSyntax;
      readonly at: Place;
    }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator | '&&' | '||';
      readonly left: ExpressionSyntax;
      readonly right: ExpressionSyntax;
      readonly at: Place;
    };

export type UnaryOperator = '-' | '!' | '~' | '&' | '*';

/** A call of a function, a builtin or a type. */
export interface CallSyntax {
  readonly kind: 'call';
  readonly callee: NameSyntax;
  readonly arguments: readonly ExpressionSyntax[];
  readonly at: Place;
}

/** A `let`, `var` or `const`. */
export interface DeclarationSyntax {
  readonly kind: 'declaration';
  readonly keyword: 'let' | 'var' | 'const';
  /** Of a `var`: its address space and access, as written. */
  readonly template: readonly ExpressionSyntax[] | undefined;
  readonly name: string;
  readonly type: NameSyntax | undefined;
  readonly value: ExpressionSyntax | undefined;
  readonly attributes: readonly AttributeSyntax[];
  readonly at: Place;
}

export type StatementSyntax =
  | DeclarationSyntax
  /** `a = b`, `a += b`, `a++`. Without an operator it is `=`. */
  | {
      readonly kind: 'assign';
      readonly to: ExpressionSyntax;
      readonly operator: BinaryOperator | undefined;
      readonly value: ExpressionSyntax;
      readonly at: Place;
    }
  | { readonly kind: 'increment'; readonly to: ExpressionSyntax; readonly by: '+' | '-'; readonly at: Place }
  /** `_ = value`. */
  | { readonly kind: 'drop'; readonly value: ExpressionSyntax; readonly at: Place }
  | { readonly kind: 'call statement'; readonly call: CallSyntax; readonly at: Place }
  | BlockSyntax
  | {
      readonly kind: 'if';
      readonly condition: ExpressionSyntax;
      readonly then: BlockSyntax;
      readonly else: StatementSyntax | undefined;
      readonly at: Place;
    }
  | {
      readonly kind: 'for';
      readonly start: StatementSyntax | undefined;
      readonly condition: ExpressionSyntax | undefined;
      readonly update: StatementSyntax | undefined;
      readonly body: BlockSyntax;
      readonly at: Place;
    }
  | {
      readonly kind: 'while';
      readonly condition: ExpressionSyntax;
      readonly body: BlockSyntax;
      readonly at: Place;
    }
  | {
      readonly kind: 'loop';
      readonly body: readonly StatementSyntax[];
      readonly continuing: BlockSyntax | undefined;
      readonly breakIf: ExpressionSyntax | undefined;
      readonly at: Place;
    }
  | {
      readonly kind: 'switch';
      readonly on: ExpressionSyntax;
      readonly cases: readonly CaseSyntax[];
      readonly at: Place;
    }
  | { readonly kind: 'break'; readonly at: Place }
  | { readonly kind: 'continue'; readonly at: Place }
  | { readonly kind: 'return'; readonly value: ExpressionSyntax | undefined; readonly at: Place }
  | AssertionSyntax;

export interface BlockSyntax {
  readonly kind: 'block';
  readonly body: readonly StatementSyntax[];
  readonly at: Place;
}

/** A clause of a `switch`. A `default` is undefined. */
export interface CaseSyntax {
  readonly values: readonly (ExpressionSyntax | undefined)[];
  readonly body: BlockSyntax;
  readonly at: Place;
}

/** A `const_assert`. */
export interface AssertionSyntax {
  readonly kind: 'assertion';
  readonly condition: ExpressionSyntax;
  readonly at: Place;
}

export interface AttributeSyntax {
  readonly name: string;
  readonly arguments: readonly ExpressionSyntax[];
  readonly at: Place;
}

export interface ParameterSyntax {
  readonly name: string;
  readonly type: NameSyntax;
  readonly attributes: readonly AttributeSyntax[];
  readonly at: Place;
}

export interface FunctionSyntax {
  readonly kind: 'function';
  readonly name: string;
  readonly parameters: readonly ParameterSyntax[];
  readonly returns: NameSyntax | undefined;
  readonly body: BlockSyntax;
  readonly attributes: readonly AttributeSyntax[];
  readonly at: Place;
}

/** A struct. Its members have the form of parameters. */
export interface StructSyntax {
  readonly kind: 'struct';
  readonly name: string;
  readonly members: readonly ParameterSyntax[];
  readonly at: Place;
}

export interface AliasSyntax {
  readonly kind: 'alias';
  readonly name: string;
  readonly type: NameSyntax;
  readonly at: Place;
}

/** A declaration of module scope that has a name. */
export type ModuleDeclarationSyntax = DeclarationSyntax | FunctionSyntax | StructSyntax | AliasSyntax;

export interface ExtensionSyntax {
  readonly name: string;
  readonly at: Place;
}

/** A whole source. */
export interface ModuleSyntax {
  /** Names after `enable`. */
  readonly enabled: readonly ExtensionSyntax[];
  readonly declarations: readonly ModuleDeclarationSyntax[];
  readonly assertions: readonly AssertionSyntax[];
}
