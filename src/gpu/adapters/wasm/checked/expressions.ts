/** Expressions as closures. All but loads, calls and subgroup operations are computed in all lanes, active or not. */
import type { Expression, Reference, ScalarName, Type } from '../wgsl/tree.ts';
import { binaryOperation, conversion, copy, type Unary, unaryOperation } from './arithmetic.ts';
import { atomicOperand } from './atomics.ts';
import { builtinOperand } from './builtins.ts';
import { type Compiler, NOTHING, type Operand, type Run, release, sequence, temporary } from './compiler.ts';
import { memoryWords, wordOfMember, wordsOf } from './layout.ts';
import { joinElements } from './origins.ts';
import {
  type Addresses,
  elementReference,
  isInMemory,
  memoryReference,
  placeOf,
  registerReference,
  runtimeLength,
  variableOf,
} from './reference.ts';
import { copyElements, Register } from './register.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { readonly kind: Kind }>;

/** Compile an expression. */
export function compileExpression(compiler: Compiler, expression: Expression): Operand {
  switch (expression.kind) {
    case 'literal':
      return literal(compiler, expression);
    case 'load':
      return isInMemory(variableOf(expression.from))
        ? memoryLoad(compiler, expression)
        : registerLoad(compiler, expression);
    case 'element':
      return element(compiler, expression);
    case 'field':
      return words(compiler, expression, wordOfMember(typeOf(expression.of), expression.member));
    case 'swizzle':
      return swizzle(compiler, expression);
    case 'unary':
      return elementwise(
        compiler,
        expression,
        unaryOperation(expression.operator, scalarOf(expression.type)),
      );
    case 'binary':
      return binaryOperand(compiler, expression);
    case 'logical':
      return logical(compiler, expression);
    case 'splat':
      return swizzle(compiler, { ...expression, components: Array(expression.type.size).fill(0) });
    case 'construct':
      return construct(compiler, expression);
    case 'convert':
      return convert(compiler, expression);
    case 'bitcast':
      return compiler.expression(expression.of);
    case 'builtin':
      return builtinOperand(compiler, expression);
    case 'atomic':
      return atomicOperand(compiler, expression);
    case 'arrayLength':
      return arrayLength(compiler, expression.of, expression.type);
    case 'call':
      return call(compiler, expression);
  }
}

function typeOf({ type }: Expression): Type {
  if (type === undefined) throw new Error('a call without a result has no value');
  return type;
}

function scalarOf(type: Type): ScalarName {
  if (type.kind === 'scalar' || type.kind === 'vector') return type.of;
  throw new Error(`a ${type.kind} has no components`);
}

const floatBits = new Float32Array(1);
const bitsOfFloat = new Uint32Array(floatBits.buffer);

function literal(compiler: Compiler, { value, type }: Of<'literal'>): Operand {
  floatBits[0] = Number(value);
  const bits = type.of === 'f32' ? bitsOfFloat[0] : Number(value) >>> 0;
  return { out: compiler.constant(bits), run: NOTHING, lifetime: 'constant' };
}

const isConstant = ({ lifetime }: Operand): boolean => lifetime === 'constant';

/** Compute an operand of constants at once. */
function folded({ machine }: Compiler, words: number, makeRun: (out: Register) => Run): Operand {
  const out = new Register(words, machine.lanes);
  makeRun(out)();
  return { out, run: NOTHING, lifetime: 'constant' };
}

function registerLoad(compiler: Compiler, { from, type }: Of<'load'>): Operand {
  const variable = variableOf(from);
  const register = compiler.registerOf(variable);
  const reference = registerReference(compiler, from);
  if (reference.kind === 'dynamic')
    return temporary(compiler, type, (out) => gather(compiler, out, register, reference));
  const part = partOf(compiler, register, reference.word, wordsOf(type));
  // A function that is called later in the statement may change a private variable.
  if (variable.space !== 'private') return part;
  return temporary(compiler, type, (out) => copying(part, out));
}

/** Return an operand that is a part of a register. */
function partOf({ machine }: Compiler, register: Register, word: number, words: number): Operand {
  if (word === 0 && words === register.words) return { out: register, run: NOTHING, lifetime: 'variable' };
  const out = new Register(words, machine.lanes, { of: register, word });
  const [start, end] = [word * machine.lanes, (word + words) * machine.lanes];
  const run = () => {
    out.origins = register.origins?.subarray(start, end);
  };
  return { out, run, lifetime: 'variable' };
}

function copying({ out: from, run }: Operand, out: Register): Run {
  return () => {
    run();
    copyElements(from.u, out.u);
    if (from.origins) out.writableOrigins().set(from.origins);
    else out.define();
  };
}

/** Collect words of a register that differ between lanes. */
function gather(
  { machine }: Compiler,
  out: Register,
  from: Register,
  { target, run }: { readonly target: Addresses; readonly run: Run },
): Run {
  const { lanes } = machine;
  return () => {
    run();
    const { addresses, valid } = target;
    const origins = from.origins && out.writableOrigins();
    if (origins === undefined) out.define();
    for (let at = 0; at < out.u.length; at++) {
      const lane = at % lanes;
      const source = (addresses[lane] + Math.floor(at / lanes)) * lanes + lane;
      out.u[at] = valid[lane] === 1 ? from.u[source] : 0;
      if (origins && from.origins) origins[at] = valid[lane] === 1 ? from.origins[source] : 0;
    }
  };
}

function memoryLoad(compiler: Compiler, { from, type }: Of<'load'>): Operand {
  const { machine } = compiler;
  const { location, run } = memoryReference(compiler, from);
  const { segment } = location;
  const offsets = memoryWords(type);
  const place = placeOf(from, compiler.place);
  const { name } = segment.variable;
  const { origins } = machine.session;
  let own = 0;
  const origin = (): number => {
    const description = `kernel '${machine.text.kernel}' read from '${name}' where nothing was written, ${machine.text.at(place)}`;
    own ||= origins.add(description);
    return own;
  };
  return temporary(compiler, type, (out) => () => {
    run();
    segment.load(out, location, offsets, machine, place, origin);
  });
}

function element(compiler: Compiler, { of, index, type, at }: Of<'element'>): Operand {
  const value = compiler.expression(of);
  const reference = elementReference(compiler, typeOf(of), index, at);
  return temporary(
    compiler,
    type,
    (out) => {
      const collect = gather(compiler, out, value.out, reference);
      return () => {
        value.run();
        collect();
      };
    },
    [value],
  );
}

/** Compile a part of a struct value, from one of its words on. */
function words(compiler: Compiler, { of, type }: Of<'field'>, word: number): Operand {
  const value = compiler.expression(of);
  const part = partOf(compiler, value.out, word, wordsOf(type));
  return temporary(
    compiler,
    type,
    (out) => {
      const take = copying(part, out);
      return () => {
        value.run();
        take();
      };
    },
    [value],
  );
}

/** Compile components of a value in any order; a splat is its only component several times. */
function swizzle(
  compiler: Compiler,
  { of, components, type }: Pick<Of<'swizzle'>, 'of' | 'components' | 'type'>,
): Operand {
  const { lanes } = compiler.machine;
  const value = compiler.expression(of);
  const move = (from: Uint32Array, to: Uint32Array) => {
    for (let c = 0, at = 0; c < components.length; c++) {
      let source = components[c] * lanes;
      for (let lane = 0; lane < lanes; lane++) to[at++] = from[source++];
    }
  };
  const makeRun = (out: Register) => () => {
    value.run();
    move(value.out.u, out.u);
    if (value.out.origins) move(value.out.origins, out.writableOrigins());
    else out.define();
  };
  if (isConstant(value)) return folded(compiler, components.length, makeRun);
  return temporary(compiler, type, makeRun, [value]);
}

function elementwise(compiler: Compiler, { of, type }: Of<'unary' | 'convert'>, operation: Unary): Operand {
  const { lanes } = compiler.machine;
  const count = wordsOf(type) * lanes;
  const value = compiler.expression(of);
  const makeRun = (out: Register) => () => {
    value.run();
    operation(out, value.out, count);
    if (value.out.origins === undefined) out.define();
    else joinElements(out, [value.out], lanes);
  };
  if (isConstant(value)) return folded(compiler, wordsOf(type), makeRun);
  return temporary(compiler, type, makeRun, [value]);
}

function convert(compiler: Compiler, expression: Of<'convert'>): Operand {
  const operation = conversion(scalarOf(typeOf(expression.of)), scalarOf(expression.type));
  return operation === copy
    ? compiler.expression(expression.of)
    : elementwise(compiler, expression, operation);
}

function binaryOperand(compiler: Compiler, { operator, left, right, type }: Of<'binary'>): Operand {
  const { lanes } = compiler.machine;
  const count = wordsOf(type) * lanes;
  const scalar = scalarOf(typeOf(left));
  const operation = binaryOperation(operator, scalar);
  const [x, y] = [compiler.expression(left), compiler.expression(right)];
  const [first, second] = [x.out, y.out];
  // A zero bit decides `&` alone, a one bit `|`.
  const decisive =
    operator === '&' ? 0 : operator === '|' ? (scalar === 'bool' ? 1 : 0xffff_ffff) : undefined;
  const run = sequence([x, y]);
  const into = (out: Register) => () => {
    run();
    operation(out, first, second, count);
    if (first.origins === undefined && second.origins === undefined) out.origins = undefined;
    else if (decisive === undefined) joinElements(out, [first, second], lanes);
    else joinDecided(out, first, second, decisive);
  };
  const operand = temporary(compiler, type, into, [x, y]);
  return decisive === undefined ? { ...operand, into } : operand;
}

/** Note which elements are undefined; a defined operand with the decisive value makes the result defined. */
function joinDecided(out: Register, x: Register, y: Register, decisive: number): void {
  out.define();
  const origins = out.writableOrigins();
  for (let i = 0; i < origins.length; i++) {
    const [ofX, ofY] = [x.origins?.[i] ?? 0, y.origins?.[i] ?? 0];
    const decided = (ofX === 0 && x.u[i] === decisive) || (ofY === 0 && y.u[i] === decisive);
    origins[i] = decided ? 0 : ofX || ofY;
  }
}

function logical(compiler: Compiler, { operator, left, right, type }: Of<'logical'>): Operand {
  const { machine } = compiler;
  const { lanes } = machine;
  const [x, y] = [compiler.expression(left), compiler.expression(right)];
  const deciding = operator === '&&' ? 0 : 1;
  const mask = new Uint8Array(lanes);
  const makeRun = (out: Register) => () => {
    x.run();
    const { mask: outer, active } = machine;
    let count = 0;
    for (let lane = 0; lane < lanes; lane++) {
      mask[lane] = x.out.u[lane] === deciding ? 0 : outer[lane];
      count += mask[lane];
    }
    if (count > 0) {
      machine.setMask(mask, count);
      y.run();
      machine.setMask(outer, active);
    }
    out.define();
    if (x.out.origins || y.out.origins) out.writableOrigins();
    for (let lane = 0; lane < lanes; lane++) {
      const evaluated = mask[lane] === 1;
      out.u[lane] = (evaluated ? y : x).out.u[lane];
      if (out.origins) out.origins[lane] = x.out.origins?.[lane] || (evaluated && y.out.origins?.[lane]) || 0;
    }
  };
  return temporary(compiler, type, makeRun, [x, y]);
}

function construct(compiler: Compiler, { parts, type }: Of<'construct'>): Operand {
  const { lanes } = compiler.machine;
  const operands = parts.map((part) => compiler.expression(part));
  const starts = operands.map(
    (_, i) => operands.slice(0, i).reduce((sum, { out }) => sum + out.words, 0) * lanes,
  );
  const run = sequence(operands);
  const makeRun = (out: Register) => () => {
    run();
    out.define();
    if (operands.length === 0) out.u.fill(0);
    for (let i = 0; i < operands.length; i++) {
      const { out: part } = operands[i];
      copyElements(part.u, out.u, starts[i]);
      if (part.origins) out.writableOrigins().set(part.origins, starts[i]);
    }
  };
  if (operands.every(isConstant)) return folded(compiler, wordsOf(type), makeRun);
  return temporary(compiler, type, makeRun, operands);
}

function arrayLength(compiler: Compiler, of: Reference, type: Type): Operand {
  const segment = compiler.segmentOf(variableOf(of));
  return temporary(compiler, type, (out) => () => {
    out.u.fill(runtimeLength(of, segment));
    out.define();
  });
}

function call(compiler: Compiler, { function: callee, arguments: values }: Of<'call'>): Operand {
  const { parameters, result, run } = compiler.functionOf(callee);
  const operands = values.map((value) => compiler.expression(value));
  const passing = operands.map((operand, i) => copying({ ...operand, run: NOTHING }, parameters[i]));
  const out = compiler.pool.take(result?.words ?? 0);
  for (const operand of operands) release(compiler, operand);
  const taking = result && copying({ out: result, run: NOTHING, lifetime: 'variable' }, out);
  const prepare = sequence(operands);
  const runCall = () => {
    prepare();
    for (let i = 0; i < passing.length; i++) passing[i]();
    run();
    taking?.();
  };
  return { out, run: runCall, lifetime: 'temporary' };
}
