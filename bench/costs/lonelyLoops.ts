/** Find loops that only one lane of a workgroup or subgroup runs: under `if (lane == 0)`, or after `if (lane != 0) { return; }`. */
import { bodiesOf, expressionsOf, visitExpression } from '../../src/gpu/adapters/wasm/wgsl/index.ts';
import type {
  BuiltinValue,
  Expression,
  Shader,
  ShaderFunction,
  Statement,
  Variable,
} from '../../src/gpu/adapters/wasm/wgsl/tree.ts';

const LANES: ReadonlySet<BuiltinValue> = new Set([
  'local_invocation_id',
  'local_invocation_index',
  'subgroup_invocation_id',
]);

/** Return the lines of the loops. */
export function lonelyLoops({ entry, functions }: Shader): readonly number[] {
  const lanes = new Set<Variable>(
    entry.function.parameters.filter((_, i) => {
      const builtin = entry.builtins[i];
      return builtin !== undefined && LANES.has(builtin);
    }),
  );
  const lonely = new Set<ShaderFunction>();
  const lines = new Set<number>();
  // Callers stand after their callees: from the last one on, parameters and loneliness are known.
  for (const each of functions.toReversed()) walk(each.body, lonely.has(each), { lanes, lonely, lines });
  return [...lines].sort((a, b) => a - b);
}

interface Found {
  /** Parameters and constants that tell lanes apart. */
  readonly lanes: Set<Variable>;
  /** Functions that one lane calls. */
  readonly lonely: Set<ShaderFunction>;
  readonly lines: Set<number>;
}

function walk(statements: readonly Statement[], aloneBefore: boolean, found: Found): void {
  let alone = aloneBefore;
  for (const statement of statements) {
    if (statement.kind === 'declare' && statement.variable.space === 'value' && statement.value)
      if (isLane(statement.value, found.lanes)) found.lanes.add(statement.variable);
    if (statement.kind === 'loop' && alone) found.lines.add(statement.at.line);
    for (const expression of expressionsOf(statement)) calls(expression, alone, found);
    if (statement.kind === 'if') {
      const chosen = oneLane(statement.condition, found.lanes);
      walk(statement.then, alone || chosen === 'then', found);
      walk(statement.else, alone || chosen === 'else', found);
      if (chosen === 'else' && statement.then.at(-1)?.kind === 'return') alone = true;
    } else {
      for (const body of bodiesOf(statement)) walk(body, alone, found);
    }
  }
}

/** Follow calls: a parameter that gets the number of a lane tells lanes apart in the function. */
function calls(expression: Expression, alone: boolean, { lanes, lonely }: Found): void {
  visitExpression(expression, {
    expression: (each) => {
      if (each.kind !== 'call') return;
      if (alone) lonely.add(each.function);
      each.arguments.forEach((argument, i) => {
        const parameter = each.function.parameters[i];
        if (parameter && isLane(argument, lanes)) lanes.add(parameter);
      });
    },
  });
}

/** Tell which branch of a condition only one lane takes. */
function oneLane(condition: Expression, lanes: ReadonlySet<Variable>): 'then' | 'else' | undefined {
  if (condition.kind === 'logical') {
    const sides = [oneLane(condition.left, lanes), oneLane(condition.right, lanes)];
    const wanted = condition.operator === '&&' ? 'then' : 'else';
    return sides.includes(wanted) ? wanted : undefined;
  }
  if (condition.kind === 'builtin' && condition.name === 'subgroupElect') return 'then';
  if (condition.kind !== 'binary') return undefined;
  const { left, right, operator } = condition;
  if (operator === '<') return isLane(left, lanes) && isNumber(right, 1) ? 'then' : undefined;
  if (operator !== '==' && operator !== '!=') return undefined;
  const compares = (isLane(left, lanes) && isNumber(right)) || (isLane(right, lanes) && isNumber(left));
  if (!compares) return undefined;
  return operator === '==' ? 'then' : 'else';
}

const isNumber = (expression: Expression, value?: number): boolean =>
  expression.kind === 'literal' && (value === undefined || expression.value === value);

/** Return true if an expression is the number of a lane, a component of it, or its remainder: what differs between lanes. */
function isLane(expression: Expression, lanes: ReadonlySet<Variable>): boolean {
  switch (expression.kind) {
    case 'load': {
      let from = expression.from;
      while (from.kind === 'component') from = from.base;
      return from.kind === 'variable' && lanes.has(from.variable);
    }
    case 'swizzle':
    case 'convert':
      return isLane(expression.of, lanes);
    case 'binary':
      return ['%', '&'].includes(expression.operator) && isLane(expression.left, lanes);
    default:
      return false;
  }
}
