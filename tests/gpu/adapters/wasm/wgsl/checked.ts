/** Short programs and what the checker makes of them, for tests. */
import { checkShader } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import type { Expression, Shader } from '../../../../../src/gpu/adapters/wasm/wgsl/tree.ts';
import { printExpression, printStatements } from './printed.ts';

/** Declarations that every program has, and variables of every type at the start of its entry point. */
const PROLOGUE = `
struct Pair { a: f32, b: vec4u }
@group(0) @binding(0) var<storage, read> buffer: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> counter: atomic<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u) {
  var f = 1f; var i = 1i; var u = 1u; var t = true;
  var v2 = vec2f(); var v3 = vec3f(); var v4 = vec4f(); var i4 = vec4i(); var u4 = vec4u(); var t4 = vec4<bool>();
  var list: array<f32, 4>; var pair: Pair; let n = u;
`;
const VARIABLES = 13;

/** The line that a body begins at, if the declarations have one line. */
export const BODY_LINE = PROLOGUE.split('\n').length;

/** Return a program of these declarations and the body of its entry point. */
export const programSource = (body: string, declarations = ''): string =>
  `${declarations}${PROLOGUE}${body}\n}`;

/** Check a program. All builtins stay nodes of the tree. */
export const program = (body: string, declarations = ''): Shader =>
  checkShader(programSource(body, declarations), () => undefined);

/** Print the statements of a body. */
export function statements(body: string, declarations?: string): string {
  const { body: list } = program(body, declarations).entry.function;
  return printStatements(list.slice(VARIABLES));
}

/** Print the value of an expression. */
export function expression(source: string, declarations?: string): string {
  const found: (Expression | undefined)[] = program(`let result = ${source};`, declarations)
    .entry.function.body.filter((statement) => statement.kind === 'declare')
    .map(({ value }) => value);
  const last = found.at(-1);
  if (!last) throw new Error('the program declares its result');
  return printExpression(last);
}
