/** Variables that statements assign, and whether they jump out of themselves. */
import { bodiesOf, rootOf, visit } from '../../wgsl/index.ts';
import type { ShaderFunction, Statement, Variable } from '../../wgsl/tree.ts';

const functions = new WeakMap<ShaderFunction, ReadonlySet<Variable>>();

/** Return the variables that statements, and the functions they call, assign; without those that they declare. */
export function assignedVariables(statements: readonly Statement[]): ReadonlySet<Variable> {
  const assigned = new Set<Variable>();
  const declared = new Set<Variable>();
  visit(statements, {
    statement: (statement) => {
      if (statement.kind === 'assign') assigned.add(rootOf(statement.to));
      if (statement.kind === 'declare') declared.add(statement.variable);
    },
    expression: (expression) => {
      if (expression.kind !== 'call') return;
      for (const variable of assignedByCall(expression.function)) assigned.add(variable);
    },
  });
  for (const variable of declared) assigned.delete(variable);
  return assigned;
}

/** A function can assign private variables of its caller's, and none that are local. */
function assignedByCall(callee: ShaderFunction): ReadonlySet<Variable> {
  let assigned = functions.get(callee);
  if (!assigned) {
    assigned = new Set([...assignedVariables(callee.body)].filter(({ space }) => space === 'private'));
    functions.set(callee, assigned);
  }
  return assigned;
}

/** Return the variables that statements refer to; of the functions that they call, the private ones. */
export function referencedVariables(statements: readonly Statement[]): ReadonlySet<Variable> {
  const variables = new Set<Variable>();
  visit(statements, {
    reference: (reference) => variables.add(rootOf(reference)),
    expression: (expression) => {
      if (expression.kind !== 'call') return;
      for (const variable of referencedVariables(expression.function.body)) {
        if (variable.space === 'private') variables.add(variable);
      }
    },
  });
  return variables;
}

/** Return true if statements contain a `continue` of the loop around them. */
export const continues = (statements: readonly Statement[]): boolean =>
  statements.some((statement) => {
    if (statement.kind === 'continue') return true;
    return statement.kind !== 'loop' && bodiesOf(statement).some(continues);
  });

/** Return true if statements contain a `break` of the loop or switch around them. */
export const breaks = (statements: readonly Statement[]): boolean =>
  statements.some((statement) => {
    if (statement.kind === 'break') return true;
    if (statement.kind === 'loop' || statement.kind === 'switch') return false;
    return bodiesOf(statement).some(breaks);
  });

export const returns = (statements: readonly Statement[]): boolean =>
  statements.some((statement) => statement.kind === 'return' || bodiesOf(statement).some(returns));
