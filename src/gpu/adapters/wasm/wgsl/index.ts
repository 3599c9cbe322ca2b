/** WGSL source to the typed tree. */
import { mathFunction } from '../math/index.ts';
import { entryPoint } from './entryPoint.ts';
import { fail } from './error.ts';
import { Module, type Prelude } from './module.ts';
import { parse } from './syntax/parse.ts';
import type { Shader, ShaderFunction, Variable } from './tree.ts';
import { checkUniformity } from './uniformity.ts';
import { usesOf } from './uses.ts';

export { WgslError } from './error.ts';
export { sizes } from './layout.ts';
export type { Prelude, PreludeFunction } from './module.ts';
export { isWritable, rootOf } from './references.ts';
export * from './visit.ts';

/**
 * Check a shader. A call of a builtin that `prelude` has becomes a call of its function; other builtins are nodes of the tree.
 *
 * @throws WgslError if it is not valid WGSL, or uses what is not supported.
 */
export function checkShader(source: string, prelude: Prelude = mathFunction): Shader {
  const syntax = parse(source);
  const module = new Module(syntax, prelude);
  module.checkAll();
  const entry = entryPoint(syntax, module);
  const functions = calleesFirst(entry.function);
  if (functions.some((used) => usesOf(used).barrier)) checkUniformity(entry);
  return { entry, functions, variables: variablesOf(functions), subgroups: module.subgroups };
}

/** Return the functions that `entry` calls, directly or not, each after those that it calls. Throws on recursion. */
function calleesFirst(entry: ShaderFunction): readonly ShaderFunction[] {
  const done = new Set<ShaderFunction>();
  const open = new Set<ShaderFunction>();
  const add = (caller: ShaderFunction): void => {
    if (done.has(caller)) return;
    if (open.has(caller)) fail(caller.at, `${caller.name} calls itself, directly or not`);
    open.add(caller);
    for (const callee of usesOf(caller).callees) add(callee);
    done.add(caller);
  };
  add(entry);
  return [...done];
}

/** Return the variables of module scope that functions use. */
function variablesOf(functions: readonly ShaderFunction[]): readonly Variable[] {
  const variables = new Set(functions.flatMap((user) => [...usesOf(user).variables]));
  return [...variables].sort((a, b) => rank(a) - rank(b));
}

/** Rank a variable: bindings by their number, then private variables, then those of the workgroup. */
function rank({ binding, space }: Variable): number {
  return binding ?? (space === 'private' ? 2 ** 32 : 2 ** 33);
}
