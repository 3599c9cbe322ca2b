/** A scope inside of a function: names that end with its block. */
import { fail } from './error.ts';
import type { Declared, Names } from './names.ts';
import type { Place, ShaderFunction, Type } from './tree.ts';

export class Scope implements Names {
  readonly #parent: Names;
  readonly #names = new Map<string, Declared>();
  /** Number of names at the first `continue`. */
  #namesAtContinue = Number.POSITIVE_INFINITY;
  #skipped: ReadonlySet<string> = new Set();

  constructor(parent: Names) {
    this.#parent = parent;
  }

  find(name: string, at: Place): Declared | undefined {
    if (this.#skipped.has(name))
      fail(at, `${name} has no value here: a continue skips its declaration; declare it before the loop`);
    return this.#names.get(name) ?? this.#parent.find(name, at);
  }

  /** Add a name. Throws a `WgslError` if this scope has it already. */
  declare(name: string, declared: Declared, at: Place): void {
    if (this.#names.has(name)) fail(at, `${name} is declared twice in one scope`);
    this.#names.set(name, declared);
  }

  /** Note that a `continue` skips what the scope, the body of a loop, declares from now on. */
  markContinue(): void {
    this.#namesAtContinue = Math.min(this.#namesAtContinue, this.#names.size);
  }

  /** Make uses of the names that a `continue` skips errors: `continuing` comes now. */
  hideSkipped(): void {
    this.#skipped = new Set([...this.#names.keys()].slice(this.#namesAtContinue));
  }

  builtinFunction(name: string, on: Type): ShaderFunction | undefined {
    return this.#parent.builtinFunction(name, on);
  }

  expectSubgroups(at: Place): void {
    this.#parent.expectSubgroups(at);
  }
}
