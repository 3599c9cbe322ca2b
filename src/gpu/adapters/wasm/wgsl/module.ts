/** Declarations of module scope. They are resolved when they are first used, so their order does not matter. */
import { fail } from './error.ts';
import { checkType } from './expressions.ts';
import type { Declared, Names } from './names.ts';
import { Scope } from './scope.ts';
import { checkAssertion, toConstant } from './simpleStatements.ts';
import { checkBody } from './statements.ts';
import { structType } from './structs.ts';
import type {
  DeclarationSyntax,
  FunctionSyntax,
  ModuleDeclarationSyntax,
  ModuleSyntax,
} from './syntax/nodes.ts';
import { parse } from './syntax/parse.ts';
import type { Place, ScalarType, ShaderFunction, Statement, Type, Variable, VectorType } from './tree.ts';
import { isConstructible, typeName } from './types.ts';
import { moduleVariable } from './variables.ts';

/** A builtin that is written in WGSL. */
export interface PreludeFunction {
  /** Name of its function in `source`. */
  readonly name: string;
  /** A module: the function and those that it calls. Builtins may come from the prelude, too. */
  readonly source: string;
}

/**
 * Return the WGSL of a builtin whose first argument has this type, always the same object; undefined if it is to stay a node of
 * the tree.
 */
export type Prelude = (name: string, on: ScalarType | VectorType) => PreludeFunction | undefined;

/** Functions of preludes: parsed and checked once, as they depend on nothing. */
const substitutes = new WeakMap<PreludeFunction, ShaderFunction>();

/** A function whose body is filled in after all that it may call has a type. */
interface Unfinished extends ShaderFunction {
  body: readonly Statement[];
}

export class Module implements Names {
  readonly #syntax = new Map<string, ModuleDeclarationSyntax>();
  readonly #resolved = new Map<string, Declared>();
  /** Names that are being resolved now: to need one again is a circle. */
  readonly #resolving = new Set<string>();
  readonly #unchecked = new Map<ShaderFunction, FunctionSyntax>();
  /** Names of the variables in buffers, by their bindings. */
  readonly #bindings = new Map<number, string>();
  readonly #enabled: ReadonlySet<string>;
  readonly #source: ModuleSyntax;
  readonly #prelude: Prelude;

  constructor(source: ModuleSyntax, prelude: Prelude) {
    this.#source = source;
    this.#prelude = prelude;
    this.#enabled = new Set(source.enabled.map(({ name, at }) => supportedExtension(name, at)));
    for (const declaration of source.declarations) {
      const { name, at } = declaration;
      if (this.#syntax.has(name)) fail(at, `${name} is declared twice`);
      this.#syntax.set(name, declaration);
    }
  }

  /** True if the source enables subgroups. */
  get subgroups(): boolean {
    return this.#enabled.has('subgroups');
  }

  /** Check all declarations and assertions, whether they are used or not. */
  checkAll(): void {
    for (const { name, at } of this.#source.declarations) this.find(name, at);
    for (const assertion of this.#source.assertions) checkAssertion(assertion, this);
    this.#checkBodies();
  }

  /** Return the function with this name, its body and those of its callees checked; undefined if there is none. */
  function(name: string): ShaderFunction | undefined {
    const syntax = this.#syntax.get(name);
    const declared = syntax?.kind === 'function' ? this.find(name, syntax.at) : undefined;
    this.#checkBodies();
    return declared?.kind === 'function' ? declared.function : undefined;
  }

  find(name: string, at: Place): Declared | undefined {
    const known = this.#resolved.get(name);
    if (known) return known;
    const syntax = this.#syntax.get(name);
    if (!syntax) return undefined;
    if (this.#resolving.has(name)) fail(at, `${name} is defined by itself`);
    this.#resolving.add(name);
    const declared = this.#resolve(syntax);
    this.#resolving.delete(name);
    this.#resolved.set(name, declared);
    return declared;
  }

  builtinFunction(name: string, on: Type): ShaderFunction | undefined {
    const written = on.kind === 'scalar' || on.kind === 'vector' ? this.#prelude(name, on) : undefined;
    return written && (substitutes.get(written) ?? this.#checkPrelude(written));
  }

  #checkPrelude(written: PreludeFunction): ShaderFunction {
    const substitute = new Module(parse(written.source), this.#prelude).function(written.name);
    if (!substitute) throw new RangeError(`the prelude's source has no function ${written.name}`);
    substitutes.set(written, substitute);
    return substitute;
  }

  expectSubgroups(at: Place): void {
    if (!this.subgroups) fail(at, 'this needs subgroups; write enable subgroups; at the start');
  }

  #resolve(syntax: ModuleDeclarationSyntax): Declared {
    switch (syntax.kind) {
      case 'alias':
        return { kind: 'type', type: checkType(syntax.type, this) };
      case 'struct':
        return { kind: 'type', type: structType(syntax, this) };
      case 'function':
        return { kind: 'function', function: this.#declareFunction(syntax) };
      case 'declaration':
        return this.#declareVariable(syntax);
      default:
        return syntax satisfies never;
    }
  }

  #declareVariable(syntax: DeclarationSyntax): Declared {
    if (syntax.keyword === 'let') fail(syntax.at, 'let stands outside of a function; write const');
    if (syntax.keyword === 'var') {
      const variable = moduleVariable(syntax, this);
      this.#expectOwnBinding(variable, syntax.at);
      return { kind: 'variable', variable };
    }
    const type = syntax.type && checkType(syntax.type, this);
    return { kind: 'constant', constant: toConstant(syntax, type, this) };
  }

  #expectOwnBinding({ name, binding }: Variable, at: Place): void {
    if (binding === undefined) return;
    const other = this.#bindings.get(binding);
    if (other !== undefined) fail(at, `${name} has the binding ${binding}, as ${other} has`);
    this.#bindings.set(binding, name);
  }

  /** Resolve a function's parameters and result. Its body is checked later, as it may call what is being resolved. */
  #declareFunction(syntax: FunctionSyntax): ShaderFunction {
    const { name, at } = syntax;
    const parameters = syntax.parameters.map((parameter): Variable => {
      const type = checkType(parameter.type, this);
      expectValue(type, parameter.at);
      return { name: parameter.name, type, space: 'value' };
    });
    const returns = syntax.returns && checkType(syntax.returns, this);
    if (returns) expectValue(returns, at);
    const unfinished: ShaderFunction = { name, parameters, returns, body: [], at };
    this.#unchecked.set(unfinished, syntax);
    return unfinished;
  }

  /** Check the bodies of the functions that were declared, and of those that they use. */
  #checkBodies(): void {
    for (const [unfinished, syntax] of this.#unchecked) {
      this.#unchecked.delete(unfinished);
      const scope = new Scope(this);
      unfinished.parameters.forEach((variable, i) => {
        scope.declare(variable.name, { kind: 'variable', variable }, syntax.parameters[i]?.at ?? syntax.at);
      });
      const body = checkBody(syntax.body, scope, syntax.name, unfinished.returns);
      const finished: Unfinished = unfinished;
      finished.body = body;
    }
  }
}

function expectValue(type: Type, at: Place): void {
  if (!isConstructible(type)) fail(at, `functions take and return no ${typeName(type)}`);
}

function supportedExtension(name: string, at: Place): string {
  if (name !== 'subgroups') fail(at, `the extension ${name} is not supported`);
  return name;
}
