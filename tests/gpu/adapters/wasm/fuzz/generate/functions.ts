/** Random functions of a program. */

import type { Procedure, Statement, Type, Variable } from '../program.ts';
import { type Maker, Scope, type World } from './scope.ts';
import { returning, statements, valueType, variableType } from './statements.ts';

/** Make a function that main and later functions may call. */
export function procedure(module: Scope): Procedure {
  const { world, choices } = module;
  const returns = choices.bool(0.8) ? resultType(world) : undefined;
  const parameters = parametersOf(world, choices.integer(0, 3));
  const maker: Maker = { returns, returnsEarly: true, impure: false };
  const scope = functionScope(module, maker, parameters);
  const body = statements(scope, choices.integer(0, 4), 2);
  return finished(world, scope, { parameters, body, barriers: false });
}

function resultType(world: World): Type {
  return world.choices.bool(0.9) ? valueType(world) : variableType(world);
}

/** Make parameters of random types. */
export function parametersOf(world: World, count: number): Variable[] {
  return world.choices.list(count, (i) => ({ name: `a${i}`, type: variableType(world), space: 'parameter' }));
}

/** Return the scope of a function's body. */
export function functionScope(module: Scope, maker: Maker, parameters: readonly Variable[]): Scope {
  const inside = { loop: false, switch: false, continues: false };
  const scope = new Scope(module.world, maker, module.frames, inside).inner();
  for (const variable of parameters)
    scope.declare({ variable, kept: variable === maker.self || variable === maker.lane });
  return scope;
}

/** End a function with its result, and let later statements call it. */
export function finished(
  world: World,
  scope: Scope,
  { parameters, body, barriers }: Pick<Procedure, 'parameters' | 'body' | 'barriers'>,
): Procedure {
  const { returns } = scope.maker;
  const end: Statement[] = returns ? [returning(scope)] : [];
  const made: Procedure = {
    name: `call${world.names++}`,
    parameters,
    returns,
    body: [...body, ...end],
    impure: scope.maker.impure,
    barriers,
  };
  world.functions.push(made);
  return made;
}
