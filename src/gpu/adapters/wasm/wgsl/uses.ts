/** Uses: what a function calls, which variables of module scope it touches, whether it has a barrier. Found once for a function. */
import { rootOf } from './references.ts';
import type { ShaderFunction, Variable } from './tree.ts';
import { visit } from './visit.ts';

export interface Uses {
  /** Functions that it calls itself. */
  readonly callees: ReadonlySet<ShaderFunction>;
  /** Variables of module scope in its body. */
  readonly variables: ReadonlySet<Variable>;
  /** True if its body has a barrier. */
  readonly barrier: boolean;
}

const known = new WeakMap<ShaderFunction, Uses>();

/** Return what a function uses itself, without what its callees use. */
export function usesOf(user: ShaderFunction): Uses {
  let uses = known.get(user);
  if (!uses) {
    uses = findUses(user);
    known.set(user, uses);
  }
  return uses;
}

function findUses({ body }: ShaderFunction): Uses {
  const callees = new Set<ShaderFunction>();
  const variables = new Set<Variable>();
  let barrier = false;
  visit(body, {
    statement: ({ kind }) => {
      barrier ||= kind === 'barrier';
    },
    expression: (expression) => {
      if (expression.kind === 'call') callees.add(expression.function);
    },
    reference: (reference) => {
      const root = rootOf(reference);
      if (root.space !== 'value' && root.space !== 'function') variables.add(root);
    },
  });
  return { callees, variables, barrier };
}
