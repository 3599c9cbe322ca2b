/** One invocation: it runs statements, and stops at barriers. */

import { type Address, addressOf, type Context, constantValue, evaluate } from './expressions.ts';
import { itemOf, type Value, zeroOf } from './layout.ts';
import type { BuiltinValue, Expression, Procedure, Program, Statement, Variable } from './program.ts';
import { type Touches, UnfitProgram } from './touches.ts';

/** Values of variables. */
export type Memory = Map<Variable, Value>;

/** State that the invocations of a dispatch share. */
export interface Dispatch {
  readonly program: Program;
  /** Uniform and storage variables. */
  readonly storage: Memory;
  readonly touches: Touches;
  /** Number of statements that may still run. */
  fuel: number;
  /** False once an index was out of range. */
  inRange: boolean;
}

/** State that the invocations of a workgroup share. */
export interface Workgroup {
  readonly memory: Memory;
  readonly touches: Touches;
}

/** Why a block ends early. */
type Signal = 'break' | 'continue' | { readonly returned: Value | undefined } | undefined;

/** Runs to the next barrier, which it yields. */
export type Running<T> = Generator<Statement, T, undefined>;

type Of<Kind extends Statement['kind']> = Extract<Statement, { kind: Kind }>;

export class Invocation implements Context {
  /** Variables of functions, and private ones. */
  readonly #own: Memory = new Map();

  constructor(
    private readonly dispatch: Dispatch,
    private readonly workgroup: Workgroup,
    /** Its number in the workgroup, and in the dispatch. */
    private readonly index: number,
    private readonly globalIndex: number,
  ) {}

  *main(values: Readonly<Record<BuiltinValue, Value>>): Running<void> {
    const { variables, builtins, main } = this.dispatch.program;
    for (const variable of variables) this.#begin(variable);
    for (const [name, variable] of builtins) this.#own.set(variable, values[name]);
    yield* this.#block(main);
  }

  #begin(variable: Variable): void {
    const { space, initial, type } = variable;
    if (space === 'private') this.#own.set(variable, initial ? constantValue(initial) : zeroOf(type));
    const { memory } = this.workgroup;
    if (space === 'workgroup' && !memory.has(variable)) memory.set(variable, zeroOf(type));
  }

  load(address: Address): Value {
    this.#touch(address, false);
    return this.#at(address);
  }

  length(address: Address): number {
    const of = this.#at(address);
    return typeof of === 'object' ? of.length : 0;
  }

  #at({ variable, path }: Address): Value {
    return path.reduce<Value>(itemOf, this.#whole(variable));
  }

  outOfRange(): void {
    this.dispatch.inRange = false;
  }

  call(procedure: Procedure, values: readonly Value[]): Value {
    const state = this.#enter(procedure, values).next();
    if (!state.done) throw new UnfitProgram('a barrier inside of an expression');
    return returned(procedure, state.value);
  }

  #whole(variable: Variable): Value {
    if (variable.space === 'const' && variable.initial) return constantValue(variable.initial);
    const whole = this.#memory(variable).get(variable);
    if (whole === undefined) throw new ReferenceError(`${variable.name} is read before it is declared`);
    return whole;
  }

  #memory({ space, binding }: Variable): Memory {
    if (space === 'workgroup') return this.workgroup.memory;
    return binding === undefined ? this.#own : this.dispatch.storage;
  }

  #touch({ variable, path }: Address, wrote: boolean): void {
    const { space, type } = variable;
    if (space !== 'workgroup' && space !== 'read_write') return;
    const items = type.kind !== 'array' ? [0] : path.length > 0 ? path.slice(0, 1) : this.#items(variable);
    for (const item of items) {
      if (space === 'workgroup') this.workgroup.touches.add(variable, item, this.index, wrote);
      else this.dispatch.touches.add(variable, item, this.globalIndex, wrote);
    }
  }

  #items(variable: Variable): number[] {
    return Array.from({ length: this.length({ variable, path: [] }) }, (_, i) => i);
  }

  #store(address: Address, value: Value): void {
    const { variable, path } = address;
    this.#touch(address, true);
    this.#memory(variable).set(variable, replaced(this.#whole(variable), path, value));
  }

  *#enter(procedure: Procedure, values: readonly Value[]): Running<Value | undefined> {
    procedure.parameters.forEach((parameter, i) => {
      this.#own.set(parameter, values[i]);
    });
    // By its name: a smaller program may have another body for it.
    const { body } = this.dispatch.program.functions.find(({ name }) => name === procedure.name) ?? procedure;
    const signal = yield* this.#block(body);
    return typeof signal === 'object' ? signal.returned : undefined;
  }

  *#block(body: readonly Statement[]): Running<Signal> {
    for (const statement of body) {
      const signal = yield* this.#execute(statement);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  *#execute(statement: Statement): Running<Signal> {
    if (--this.dispatch.fuel < 0) throw new UnfitProgram('too many statements');
    switch (statement.kind) {
      case 'declare': {
        const { variable, value } = statement;
        this.#own.set(variable, value ? yield* this.#initial(value) : zeroOf(variable.type));
        return undefined;
      }
      case 'assign': {
        const address = addressOf(statement.to, this);
        this.#store(address, evaluate(statement.value, this));
        return undefined;
      }
      case 'compound':
      case 'step':
        this.#update(statement);
        return undefined;
      case 'drop':
        evaluate(statement.value, this);
        return undefined;
      case 'call': {
        const values = statement.arguments.map((argument) => evaluate(argument, this));
        yield* this.#enter(statement.function, values);
        return undefined;
      }
      case 'block':
        return yield* this.#block(statement.body);
      case 'if':
        return yield* this.#block(evaluate(statement.condition, this) ? statement.yes : statement.no);
      case 'for':
        yield* this.#execute(statement.first);
        return yield* this.#while(statement.condition, statement.body, statement.next);
      case 'while':
        return yield* this.#while(statement.condition, statement.body);
      case 'loop':
        return yield* this.#loop(statement);
      case 'switch':
        return yield* this.#switch(statement);
      case 'break':
      case 'continue':
        return statement.kind;
      case 'return':
        return { returned: statement.value && evaluate(statement.value, this) };
      case 'barrier':
        yield statement;
        return undefined;
    }
  }

  /** The call of a function with barriers may be the whole value of a declaration, and no part of one. */
  *#initial(value: Expression): Running<Value> {
    if (value.kind !== 'call') return evaluate(value, this);
    const values = value.arguments.map((argument) => evaluate(argument, this));
    return returned(value.function, yield* this.#enter(value.function, values));
  }

  /** The reference of an update has no effects, so that it may be evaluated twice. */
  #update(statement: Of<'compound' | 'step'>): void {
    const { to } = statement;
    if (to.type.kind !== 'value') throw new TypeError(`arithmetic of ${to.type.kind}`);
    const left: Expression = { kind: 'read', from: to, type: to.type };
    const one: Expression = { kind: 'literal', value: 1, type: to.type };
    const value: Expression =
      statement.kind === 'compound'
        ? { kind: 'binary', operator: statement.operator, left, right: statement.value, type: to.type }
        : {
            kind: 'binary',
            operator: statement.operator === '++' ? '+' : '-',
            left,
            right: one,
            type: to.type,
          };
    this.#store(addressOf(to, this), evaluate(value, this));
  }

  *#while(condition: Expression, body: readonly Statement[], next?: Statement): Running<Signal> {
    while (evaluate(condition, this)) {
      if (--this.dispatch.fuel < 0) throw new UnfitProgram('a loop without an end');
      const signal = yield* this.#block(body);
      if (signal === 'break') return undefined;
      if (typeof signal === 'object') return signal;
      if (next) yield* this.#execute(next);
    }
    return undefined;
  }

  *#loop({ body, continuing, breakIf }: Of<'loop'>): Running<Signal> {
    for (;;) {
      if (--this.dispatch.fuel < 0) throw new UnfitProgram('a loop without an end');
      const signal = yield* this.#block(body);
      if (signal === 'break') return undefined;
      if (typeof signal === 'object') return signal;
      yield* this.#block(continuing);
      if (breakIf && evaluate(breakIf, this)) return undefined;
    }
  }

  *#switch({ on, cases }: Of<'switch'>): Running<Signal> {
    const value = Number(evaluate(on, this));
    const chosen =
      cases.find(({ values }) => values.includes(value)) ??
      cases.find(({ values }) => values.includes(undefined));
    const signal = yield* this.#block(chosen?.body ?? []);
    return signal === 'break' ? undefined : signal;
  }
}

function returned({ name }: Procedure, value: Value | undefined): Value {
  if (value === undefined) throw new TypeError(`${name} returns nothing`);
  return value;
}

/** Replace the item at the end of a path. */
function replaced(of: Value, [item, ...rest]: readonly number[], by: Value): Value {
  if (item === undefined) return by;
  if (typeof of !== 'object') throw new TypeError(`${of} has no item ${item}`);
  return of.map((old, i) => (i === item ? replaced(old, rest, by) : old));
}
