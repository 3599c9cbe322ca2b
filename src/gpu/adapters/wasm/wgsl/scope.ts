/** A scope inside of a function: names that end with its block. */
import { fail } from './error.ts';
import type { Declared, Names } from './names.ts';
import type { Place, ShaderFunction, Type } from './tree.ts';

export class Scope implements Names {
  readonly #parent: Names;
  readonly #names = new Map<string, Declared>();

  constructor(parent: Names) {
    this.#parent = parent;
  }

  find(name: string, at: Place): Declared | undefined {
    return this.#names.get(name) ?? this.#parent.find(name, at);
  }

  /** Add a name. Throws a `WgslError` if this scope has it already. */
  declare(name: string, declared: Declared, at: Place): void {
    if (this.#names.has(name)) fail(at, `${name} is declared twice in one scope`);
    this.#names.set(name, declared);
  }

  builtinFunction(name: string, on: Type): ShaderFunction | undefined {
    return this.#parent.builtinFunction(name, on);
  }

  expectSubgroups(at: Place): void {
    this.#parent.expectSubgroups(at);
  }
}
