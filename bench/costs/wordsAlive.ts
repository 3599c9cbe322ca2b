/** Estimate the registers of a kernel: the most words of variables that are alive at the same time. */
import {
  bodiesOf,
  expressionsOf,
  rootOf,
  sizes,
  visitExpression,
} from '../../src/gpu/adapters/wasm/wgsl/index.ts';
import type { Shader, ShaderFunction, Statement, Variable } from '../../src/gpu/adapters/wasm/wgsl/tree.ts';

/** From the declaration of a variable to its last use, in statements. */
interface Life {
  readonly from: number;
  to: number;
}

/** Return the most words of scalars, vectors and structs that are alive at once. A call adds what the function needs. */
export function wordsAlive({ functions, entry }: Shader): number {
  const peaks = new Map<ShaderFunction, number>();
  for (const each of functions) peaks.set(each, peakOf(each, peaks));
  return peaks.get(entry.function) ?? 0;
}

function peakOf(of: ShaderFunction, peaks: ReadonlyMap<ShaderFunction, number>): number {
  const lives = new Map<Variable, Life>();
  /** Words that calls need, by the statement. */
  const calls = new Map<number, number>();
  let at = 0;
  const use = (variable: Variable): void => {
    const life = lives.get(variable);
    if (life) life.to = at;
  };
  const walk = (statements: readonly Statement[]): void => {
    for (const statement of statements) {
      at += 1;
      const start = at;
      if (statement.kind === 'declare') lives.set(statement.variable, { from: at, to: at });
      if (statement.kind === 'assign') use(rootOf(statement.to));
      for (const expression of expressionsOf(statement)) {
        visitExpression(expression, {
          reference: (reference) => use(rootOf(reference)),
          expression: (each) => {
            if (each.kind !== 'call') return;
            calls.set(at, Math.max(calls.get(at) ?? 0, peaks.get(each.function) ?? 0));
          },
        });
      }
      for (const body of bodiesOf(statement)) walk(body);
      if (statement.kind !== 'loop') continue;
      // What a turn uses from before the loop, the next turn needs as well.
      for (const life of lives.values()) if (life.from < start && life.to >= start) life.to = at;
    }
  };
  for (const parameter of of.parameters) lives.set(parameter, { from: 0, to: 0 });
  walk(of.body);

  const change = new Float64Array(at + 2);
  for (const [{ type }, { from, to }] of lives) {
    if (type.kind === 'array') continue;
    const words = sizes(type).size / 4;
    change[from] = (change[from] ?? 0) + words;
    change[to + 1] = (change[to + 1] ?? 0) - words;
  }
  let [alive, peak] = [0, 0];
  for (let i = 0; i <= at; i++) {
    alive += change[i] ?? 0;
    peak = Math.max(peak, alive + (calls.get(i) ?? 0));
  }
  return peak;
}
