/**
 * Programs with barriers. A phase is a run of statements that ends at a barrier. In each phase every workgroup array is either
 * written, each invocation its own elements, or read by all. Between phases there is only what is the same in all invocations.
 */

import {
  BOOL,
  type Expression,
  type Procedure,
  type Statement,
  U32,
  type Variable,
  value,
} from '../program.ts';
import { numberParameter } from './declarations.ts';
import { expression, type Need, typed } from './expressions.ts';
import { finished, functionScope, parametersOf } from './functions.ts';
import { literal, ownElement, read } from './references.ts';
import type { Maker, Scope } from './scope.ts';
import { statements, valueType } from './statements.ts';

const UNIFORM: Need = { depth: 2, pure: true, uniform: true };

/** Make phases, some of them in loops, branches and functions. */
export function phases(scope: Scope, count: number, levels: number): Statement[] {
  const { choices } = scope;
  return choices
    .list(count, () =>
      choices.weighted<() => Statement[]>([
        [6, () => phase(scope)],
        [levels > 0 ? 2 : 0, () => [loop(scope, levels)]],
        [levels > 0 ? 1 : 0, () => [branch(scope, levels)]],
        [1, () => call(scope)],
      ])(),
    )
    .flat();
}

/** Make a phase: choose what it writes, then its statements, then the barrier. */
function phase(scope: Scope): Statement[] {
  const { world, choices } = scope;
  for (const [variable, shared] of world.shared) {
    if (variable.space !== 'workgroup') continue;
    const written = choices.bool();
    shared.writes = written ? 'own' : 'none';
    shared.reads = written ? 'own' : 'all';
  }
  const body = [...statements(scope, choices.integer(1, 4), 1), ...writes(scope)];
  // Statements between phases are outside of them, and touch no workgroup memory.
  for (const [variable, shared] of world.shared) {
    if (variable.space !== 'workgroup') continue;
    shared.writes = 'none';
    shared.reads = 'none';
  }
  const barrier: Statement = { kind: 'barrier', name: 'workgroupBarrier' };
  return [...body, barrier, ...(choices.bool(0.1) ? [{ ...barrier, name: 'storageBarrier' as const }] : [])];
}

/** Write to each workgroup array that the phase writes. */
function writes(scope: Scope): Statement[] {
  const { world, choices, maker } = scope;
  return [...world.shared].flatMap(([variable, { writes: reach, slots }]): Statement[] => {
    const { type, space } = variable;
    if (space !== 'workgroup' || reach !== 'own' || type.kind !== 'array' || !maker.lane) return [];
    maker.impure = true;
    const to = ownElement(variable, type.of, maker.lane, slots, literal(choices.integer(0, slots - 1)));
    return [{ kind: 'assign', to, value: expression(scope, type.of, { depth: 3, pure: true }) }];
  });
}

/** A loop with barriers: its counter is the same in all invocations. */
function loop(scope: Scope, levels: number): Statement {
  const { choices, world } = scope;
  const variable: Variable = { name: `turn${world.names++}`, type: U32, space: 'var' };
  const most = literal(choices.integer(1, 3));
  const right: Expression = choices.bool()
    ? most
    : { kind: 'builtin', name: 'min', arguments: [typed(scope, U32, UNIFORM), most], type: U32 };
  const inner = scope.inner();
  inner.declare({ variable, assignable: false, kept: true, uniform: true });
  return {
    kind: 'for',
    first: { kind: 'declare', variable, value: literal(0) },
    condition: { kind: 'binary', operator: '<', left: read(variable), right, type: BOOL },
    next: { kind: 'step', operator: '++', to: { kind: 'variable', variable, type: U32 } },
    body: phases(inner.inner(), choices.integer(1, 2), levels - 1),
  };
}

function branch(scope: Scope, levels: number): Statement {
  const { choices } = scope;
  const condition = typed(scope, value('bool'), UNIFORM);
  const body = phases(scope.inner(), 1, levels - 1);
  return {
    kind: 'if',
    condition,
    yes: body,
    no: choices.bool() ? [] : phases(scope.inner(), 1, levels - 1),
  };
}

/** Call a function with barriers; its value, if it has one, initialises a variable. */
function call(scope: Scope): Statement[] {
  const { world, choices, maker } = scope;
  const found = world.functions.filter(({ barriers }) => barriers);
  if (found.length === 0 || !maker.self || !maker.lane) return phase(scope);
  const called = choices.pick(found);
  maker.impure = true;
  const [self, lane, ...others] = called.parameters;
  const list = [
    ...[self, lane].map((_, i) => read(i === 0 && maker.self ? maker.self : (maker.lane ?? lane))),
    ...others.map(({ type }) => expression(scope, type, { depth: 2 })),
  ];
  if (!called.returns) return [{ kind: 'call', function: called, arguments: list }];
  const variable: Variable = {
    name: scope.name(),
    type: called.returns,
    space: choices.pick(['let', 'var']),
  };
  scope.declare({ variable });
  return [
    {
      kind: 'declare',
      variable,
      value: { kind: 'call', function: called, arguments: list, type: called.returns },
    },
  ];
}

/** Make a function with barriers. */
export function phasedProcedure(module: Scope): Procedure {
  const { world, choices } = module;
  const self = numberParameter('mine');
  const lane = numberParameter('lane');
  const parameters = [self, lane, ...parametersOf(world, choices.integer(0, 2))];
  const returns = choices.bool() ? valueType(world) : undefined;
  const maker: Maker = { returns, returnsEarly: false, self, lane, impure: true };
  const scope = functionScope(module, maker, parameters);
  const body = phases(scope, choices.integer(1, 2), 1);
  return finished(world, scope, { parameters, body, barriers: true });
}
