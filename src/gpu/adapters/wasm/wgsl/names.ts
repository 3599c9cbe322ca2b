/** Names in scope. */
import type { Constant } from './operand.ts';
import type { Place, ShaderFunction, Type, Variable } from './tree.ts';

/** Whatever a name may stand for. */
export type Declared =
  | { readonly kind: 'type'; readonly type: Type }
  | { readonly kind: 'constant'; readonly constant: Constant }
  | { readonly kind: 'variable'; readonly variable: Variable }
  | { readonly kind: 'function'; readonly function: ShaderFunction };

/** Names that an expression may use. */
export interface Names {
  /** Return what `name` stands for, or undefined if the source does not declare it. */
  find(name: string, at: Place): Declared | undefined;
  /** Return the function that stands for a builtin with arguments of type `on`, or undefined if it is a node of the tree. */
  builtinFunction(name: string, on: Type): ShaderFunction | undefined;
  /** Throw a `WgslError` if the source does not enable subgroups. */
  expectSubgroups(at: Place): void;
}
