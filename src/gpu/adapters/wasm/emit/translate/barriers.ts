/**
 * Kernels with barriers. The body is split at its barriers into regions, each of which all invocations run, one after another,
 * before the next region begins. Control structures that contain barriers run once for the workgroup: WGSL demands that their
 * conditions are the same in all invocations, so they are evaluated as invocation 0. Variables that live from one region to
 * another are kept in scratch memory for each invocation.
 */

import { WgslError } from '../../wgsl/error.ts';
import { rootOf, visit } from '../../wgsl/index.ts';
import type { Expression, Reference, ShaderFunction, Statement, Variable } from '../../wgsl/tree.ts';
import type { OpenLabel } from '../builder.ts';
import type { Loop, Value } from '../value.ts';
import { assignedVariables, breaks, continues, referencedVariables, returns } from './assigned.ts';
import { type BarrierCall, callsBarrier, isBarrier, withoutBarrierCalls } from './barrierCalls.ts';
import { type Context, type MemoryPlace, single, type Targets } from './context.ts';
import { eachInvocation } from './invocations.ts';
import { load, store } from './places.ts';
import { translate } from './statements.ts';
import { declareValue, declareVariable, isInMemory } from './variables.ts';

/** A context that stands in one invocation at a time. */
export interface InvocationContext extends Context {
  readonly invocations: number;
  /** Go to an invocation: memory that is reserved, and the builtin values, are now its. */
  enter(invocation: Value): void;
}

interface BarrierFrame {
  readonly end: OpenLabel;
  readonly result: Variable | undefined;
}

type Kind<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

/** Translate the entry point of a kernel with barriers, for one workgroup. */
export function translateWithBarriers(
  context: InvocationContext,
  functions: readonly ShaderFunction[],
  privates: readonly Variable[],
  body: readonly Statement[],
): void {
  new BarrierTranslation(context, functions).run(privates, body);
}

class BarrierTranslation {
  readonly #context: InvocationContext;
  /** Number of references to each variable in the whole shader. */
  readonly #references: ReadonlyMap<Variable, number>;
  /** Variables that are in scratch memory between regions. */
  readonly #kept = new Set<Variable>();
  #frame: BarrierFrame | undefined;
  #targets: Targets = { end: undefined, next: undefined };

  constructor(context: InvocationContext, functions: readonly ShaderFunction[]) {
    this.#context = context;
    this.#references = countReferences(functions.flatMap(({ body }) => body));
  }

  run(privates: readonly Variable[], body: readonly Statement[]): void {
    const at = { line: 0, column: 0 };
    this.#region(
      privates.map((variable) => ({ kind: 'declare', variable, value: variable.initial, at })),
      false,
    );
    this.#context.builder.block((end) => {
      this.#frame = { end, result: undefined };
      this.#list(body, true);
    });
  }

  /**
   * @param isTail true if nothing follows in the function: a return, which need not be of all invocations where no barrier
   * follows, then just ends its region.
   */
  #list(statements: readonly Statement[], isTail: boolean): void {
    const { builder } = this.#context;
    const lastBarrier = statements.findLastIndex(isBarrier);
    let region: Statement[] = [];
    for (const [i, statement] of statements.entries()) {
      if (!builder.reachable) return;
      if (!isBarrier(statement) && !escapes(statement, isTail && i > lastBarrier)) {
        region.push(statement);
        continue;
      }
      this.#region(region, false);
      region = [];
      if (!builder.reachable) return;
      const rest = statements.slice(i + 1);
      if (callsBarrier(statement)) {
        this.#list([...this.#takeApart(statement), ...rest], isTail);
        return;
      }
      // Invocations that return in an arm must not run what follows it: it goes to the end of each arm.
      const takesIn = isTail && i === lastBarrier && rest.length > 0 && returns([statement]);
      if (takesIn && statement.kind === 'block') {
        this.#list([...statement.body, ...rest], true);
        return;
      }
      if (takesIn && statement.kind === 'if') {
        this.#branches(statement.condition, [...statement.then, ...rest], [...statement.else, ...rest], true);
        return;
      }
      this.#structure(statement, isTail && rest.length === 0);
    }
    if (builder.reachable) this.#region(region, isTail);
  }

  /** A statement that contains barriers, or jumps past some. */
  #structure(statement: Statement, isTail: boolean): void {
    switch (statement.kind) {
      case 'barrier':
        return;
      case 'block':
        this.#list(statement.body, isTail);
        return;
      case 'if':
        this.#branches(statement.condition, statement.then, statement.else, isTail);
        return;
      case 'loop':
        this.#loop(statement);
        return;
      case 'break':
        this.#jump(this.#targets.end);
        return;
      case 'continue':
        this.#jump(this.#targets.next);
        return;
      case 'return':
        this.#return(statement);
        return;
      case 'switch':
        throw new WgslError(statement.at, 'a switch around a barrier is not supported');
      default:
        throw new Error(`a ${statement.kind} has no barrier`);
    }
  }

  #branches(
    condition: Expression,
    whenTrue: readonly Statement[],
    whenFalse: readonly Statement[],
    isTail: boolean,
  ): void {
    this.#context.builder.ifElse(
      this.#uniform(condition),
      () => this.#list(whenTrue, isTail),
      () => this.#list(whenFalse, isTail),
    );
  }

  /** Run the calls with barriers in a statement; return what remains. */
  #takeApart(statement: Statement): readonly Statement[] {
    const { before, rest } = withoutBarrierCalls(statement);
    for (const step of before) {
      if (step.kind === 'statement') this.#region([step.statement], false);
      else this.#call(step.call, step.result);
    }
    return rest ? [rest] : [];
  }

  #call(call: BarrierCall, result: Variable | undefined): void {
    const { at } = call;
    const { parameters, body } = call.function;
    const declarations: Statement[] = parameters.map((variable, i) => ({
      kind: 'declare',
      variable,
      value: call.arguments[i],
      at,
    }));
    if (result) declarations.push({ kind: 'declare', variable: result, value: undefined, at });
    this.#region(declarations, false);
    const [frame, targets] = [this.#frame, this.#targets];
    this.#context.builder.block((end) => {
      this.#frame = { end, result };
      this.#list(body, true);
    });
    [this.#frame, this.#targets] = [frame, targets];
  }

  #loop({ condition, body, continuing, breakIf }: Kind<'loop'>): void {
    const { builder } = this.#context;
    const targets = this.#targets;
    builder.block((end) => {
      builder.loop([], (start) => {
        if (condition) {
          builder.ifElse(
            this.#uniform(condition),
            () => undefined,
            () => builder.branch(end),
          );
        }
        builder.block((next) => {
          this.#targets = { end, next };
          this.#list(body, false);
        });
        if (builder.reachable) this.#list(continuing, false);
        if (builder.reachable && breakIf) builder.ifElse(this.#uniform(breakIf), () => builder.branch(end));
        builder.repeat(start);
      });
    });
    this.#targets = targets;
  }

  #jump(target: OpenLabel | undefined): void {
    if (!target) throw new Error('a jump without a loop');
    this.#context.builder.branch(target);
  }

  #return({ value, at }: Kind<'return'>): void {
    if (!this.#frame) throw new Error('a return outside of a function');
    const { end, result } = this.#frame;
    if (value && result) {
      const to = { kind: 'variable', variable: result, type: result.type } as const;
      this.#region([{ kind: 'assign', to, value, at }], false);
    }
    this.#context.builder.branch(end);
  }

  /** Statements without barriers: each invocation runs them. */
  #region(statements: readonly Statement[], isTail: boolean): void {
    if (statements.length === 0) return;
    const context = this.#context;
    const { builder } = context;
    const result = isTail ? this.#frame?.result : undefined;
    const assigned = new Set(assignedVariables(statements));
    if (result) assigned.add(result);
    const around = builder.segment.loop;
    eachInvocation(builder, context.invocations, (invocation) => {
      context.enter(invocation);
      const height = builder.slots.length;
      this.#fetch([...referencedVariables(statements), ...assigned]);
      builder.block((end) => {
        context.frame = { end, result: this.#slotOf(result) };
        translate(context, statements);
        if (!isTail && builder.reachable) this.#keepDeclared(statements, around);
      });
      for (const variable of assigned) if (this.#kept.has(variable)) this.#keep(variable);
      builder.slots.length = height;
    });
  }

  #slotOf(result: Variable | undefined): number {
    const home = result && this.#context.homes.get(result);
    return home?.kind === 'slots' ? home.first : this.#context.builder.slots.length;
  }

  /** Keep what a region declares and a later one uses; but what is the same in all invocations needs no memory. */
  #keepDeclared(statements: readonly Statement[], around: Loop | undefined): void {
    const inside = countReferences(statements);
    for (const statement of statements) {
      if (statement.kind !== 'declare') continue;
      const { variable } = statement;
      const all = this.#references.get(variable);
      if (all !== undefined && all === (inside.get(variable) ?? 0)) continue;
      const home = this.#context.homes.get(variable);
      const isOf = ({ early: { loop } }: Value) => loop !== undefined && loop !== around;
      if (home?.kind === 'values' && !home.values.some(isOf)) {
        // An earlier call of the same function may have kept another value.
        this.#kept.delete(variable);
        continue;
      }
      this.#kept.add(variable);
      this.#keep(variable);
    }
  }

  /** Evaluate a condition, which is the same in all invocations. */
  #uniform(condition: Expression): Value {
    const context = this.#context;
    const { builder } = context;
    builder.statement++;
    context.enter(builder.i32(0));
    const height = builder.slots.length;
    this.#fetch(referencedVariables([{ kind: 'evaluate', value: condition, at: { line: 0, column: 0 } }]));
    const value = single(context, condition);
    builder.slots.length = height;
    return value;
  }

  /** Make variables known that are kept in memory. */
  #fetch(variables: Iterable<Variable>): void {
    const context = this.#context;
    for (const variable of variables) {
      if (!this.#kept.has(variable)) continue;
      const place = this.#placeOf(variable);
      if (isInMemory(context, variable)) context.homes.set(variable, place.home);
      else if (variable.space === 'value') declareValue(context, variable, load(context, place));
      else declareVariable(context, variable, load(context, place));
    }
  }

  #keep(variable: Variable): void {
    const context = this.#context;
    if (isInMemory(context, variable)) return;
    const reference: Reference = { kind: 'variable', variable, type: variable.type };
    const values = context.evaluate({ kind: 'load', from: reference, type: variable.type });
    store(context, this.#placeOf(variable), values);
  }

  #placeOf(variable: Variable): MemoryPlace {
    const home = this.#context.reserve(variable.type, variable);
    return { kind: 'memory', home, address: home.address, offset: home.offset, type: variable.type };
  }
}

/** True if a statement jumps to something outside of itself; in the tail, a return does not count. */
const escapes = (statement: Statement, inTail: boolean): boolean =>
  breaks([statement]) || continues([statement]) || (!inTail && returns([statement]));

function countReferences(statements: readonly Statement[]): Map<Variable, number> {
  const counts = new Map<Variable, number>();
  visit(statements, {
    reference: (reference) => {
      const variable = rootOf(reference);
      counts.set(variable, (counts.get(variable) ?? 0) + 1);
    },
  });
  return counts;
}
