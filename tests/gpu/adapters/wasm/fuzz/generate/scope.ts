/** The surroundings of a generated statement: visible variables and functions, and what it may do. */

import {
  type Procedure,
  type Reference,
  rootOf,
  type ScalarName,
  type Space,
  type Type,
  type Variable,
} from '../program.ts';
import type { Choices } from './choices.ts';

const WRITABLE: readonly Space[] = ['var', 'private', 'workgroup', 'read_write'];

/** Elements of a shared variable that an invocation may touch. */
export type Reach = 'all' | 'own' | 'none';

/** A visible name. */
export interface Entry {
  readonly variable: Variable;
  /** True if statements may change it; counters of loops belong to their loops. */
  readonly assignable: boolean;
  /** True if it is the same in all invocations of a workgroup. */
  readonly uniform: boolean;
  /** True if no inner variable may take its name. */
  readonly kept: boolean;
}

/** A shared array: each invocation owns `slots` of its elements, side by side. */
export interface Shared {
  readonly slots: number;
  /** Elements that may be read and written at the moment. */
  reads: Reach;
  writes: Reach;
}

/** State that all statements of a program share. */
export interface World {
  readonly choices: Choices;
  /** Scalar types in use. */
  readonly scalars: readonly ScalarName[];
  readonly shared: Map<Variable, Shared>;
  readonly functions: Procedure[];
  /** False if indices may be out of range. */
  readonly inRange: boolean;
  names: number;
}

/** The function that is being made. */
export interface Maker {
  readonly returns: Type | undefined;
  /** True if it may return before its end. */
  readonly returnsEarly: boolean;
  /** The number of the invocation in the dispatch and in its workgroup, if it is known. */
  readonly self?: Variable;
  readonly lane?: Variable;
  /** Set when a statement changes more than the function's own variables. */
  impure: boolean;
}

export class Scope {
  constructor(
    readonly world: World,
    readonly maker: Maker,
    /** Names by scope, the innermost last; undefined hides an outer one. */
    readonly frames: readonly Map<string, Entry | undefined>[],
    /** The statements around, to which `break` and `continue` refer. */
    readonly inside: { readonly loop: boolean; readonly switch: boolean; readonly continues: boolean },
  ) {}

  get choices(): Choices {
    return this.world.choices;
  }

  /** Return a scope inside of this one. */
  inner(inside: Partial<Scope['inside']> = {}): Scope {
    return new Scope(this.world, this.maker, [...this.frames, new Map()], { ...this.inside, ...inside });
  }

  /** Return a scope inside of this one that does not see the names of another one's last frame. */
  hiding(other: Scope): Scope {
    const hidden = new Map([...(other.frames.at(-1) ?? [])].map(([name]) => [name, undefined] as const));
    return new Scope(this.world, this.maker, [...this.frames, hidden, new Map()], this.inside);
  }

  /** Return the visible names, those of inner scopes first. */
  entries(): Entry[] {
    const found = new Map<string, Entry | undefined>();
    for (const frame of [...this.frames].reverse())
      for (const [name, entry] of frame) if (!found.has(name)) found.set(name, entry);
    return [...found.values()].filter((entry) => entry !== undefined);
  }

  /** Make a name visible to what follows. */
  declare(entry: Partial<Entry> & Pick<Entry, 'variable'>): void {
    const { variable } = entry;
    const assignable = WRITABLE.includes(variable.space);
    this.frames.at(-1)?.set(variable.name, { assignable, uniform: false, kept: false, ...entry });
  }

  /** Return a new name, which may hide one of an outer scope. */
  name(): string {
    const outer = this.entries().filter(
      ({ kept, variable }) => !kept && !this.frames.at(-1)?.has(variable.name),
    );
    if (outer.length > 0 && this.choices.bool(0.1)) return this.choices.pick(outer).variable.name;
    return `x${this.world.names++}`;
  }

  /** Return the elements of a variable that an invocation may touch now. */
  reach({ variable, assignable }: Entry, writes: boolean): Reach {
    const shared = this.world.shared.get(variable);
    if (!shared) return writes && !assignable ? 'none' : 'all';
    const reach = writes ? shared.writes : shared.reads;
    return reach === 'own' && this.ownIndexOf(variable) === undefined ? 'none' : reach;
  }

  /** Return the variable that numbers an invocation's elements of a shared array. */
  ownIndexOf(variable: Variable): Variable | undefined {
    return variable.space === 'workgroup' ? this.maker.lane : this.maker.self;
  }

  /** Note that the function changes the variable of a reference. */
  noteChange(to: Reference): void {
    if (rootOf(to).space !== 'var') this.maker.impure = true;
  }
}
