/** Statements as closures. They run for the active lanes, and leave those active that reach the next statement. */
import type { Expression, Place, Reference, Statement, SwitchCase, Variable } from '../wgsl/tree.ts';
import { type Compiler, Exit, type Exits, NOTHING, type Operand, type Run, release } from './compiler.ts';
import { memoryWords, wordsOf } from './layout.ts';
import type { Machine } from './machine.ts';
import { isInMemory, memoryReference, placeOf, registerReference, variableOf } from './reference.ts';
import { copyElements, Register } from './register.ts';

type Of<Kind extends Statement['kind']> = Extract<Statement, { readonly kind: Kind }>;

/** Compile statements that are a scope. */
export function compileBlock(compiler: Compiler, statements: readonly Statement[], exits: Exits): Run {
  return compiler.scope(() => compileStatements(compiler, statements, exits));
}

function compileStatements(compiler: Compiler, statements: readonly Statement[], exits: Exits): Run {
  const { machine } = compiler;
  const runs = statements
    .map((statement) => compileStatement(compiler, statement, exits))
    .filter((run) => run !== NOTHING);
  if (runs.length === 1) return runs[0];
  return () => {
    for (let i = 0; i < runs.length && machine.active > 0; i++) runs[i]();
  };
}

function compileStatement(compiler: Compiler, statement: Statement, exits: Exits): Run {
  if ('at' in statement) compiler.place = statement.at;
  switch (statement.kind) {
    case 'declare':
      return declare(compiler, statement);
    case 'assign':
      return assign(compiler, statement.to, statement.value);
    case 'evaluate': {
      const value = compiler.expression(statement.value);
      release(compiler, value);
      return value.run;
    }
    case 'block':
      return compileBlock(compiler, statement.body, exits);
    case 'if':
      return branch(compiler, statement, exits);
    case 'loop':
      return loop(compiler, statement);
    case 'switch':
      return choice(compiler, statement, exits);
    case 'break':
      return leave(compiler.machine, exits.broken);
    case 'continue':
      return leave(compiler.machine, exits.continued);
    case 'return':
      return returning(compiler, statement);
    case 'barrier':
      return barrier(compiler.machine, statement);
  }
}

function declare(compiler: Compiler, { variable, value }: Of<'declare'>): Run {
  const words = wordsOf(variable.type);
  const operand = value && compiler.expression(value);
  // A `let` is the value itself: it is computed anew only where the `let` is declared anew.
  if (variable.space === 'value' && operand?.lifetime === 'temporary') {
    compiler.declare(variable, operand.out);
    return operand.run;
  }
  const register = compiler.pool.take(words);
  compiler.declare(variable, register);
  if (operand) return assignRegister(compiler.machine, register, 0, operand);
  const zero: Operand = {
    out: new Register(words, compiler.machine.lanes),
    run: NOTHING,
    lifetime: 'constant',
  };
  return assignRegister(compiler.machine, register, 0, zero);
}

function assign(compiler: Compiler, to: Reference, value: Expression): Run {
  const variable = variableOf(to);
  return isInMemory(variable)
    ? assignMemory(compiler, to, value)
    : assignVariable(compiler, variable, to, value);
}

function assignMemory(compiler: Compiler, to: Reference, value: Expression): Run {
  const { machine } = compiler;
  const { location, run } = memoryReference(compiler, to);
  const { segment } = location;
  const offsets = memoryWords(to.type);
  const place = placeOf(to, compiler.place);
  const operand = compiler.expression(value);
  release(compiler, operand);
  return () => {
    run();
    operand.run();
    segment.store(operand.out, location, offsets, machine, place);
  };
}

function assignVariable(compiler: Compiler, variable: Variable, to: Reference, value: Expression): Run {
  const { machine } = compiler;
  const register = compiler.registerOf(variable);
  const reference = registerReference(compiler, to);
  const operand = compiler.expression(value);
  release(compiler, operand);
  if (reference.kind === 'fixed') return assignRegister(machine, register, reference.word, operand);
  const { target, run } = reference;
  return () => {
    run();
    operand.run();
    scatter(machine, register, target, operand.out);
  };
}

/** Assign words of a register from `word` on, in the active lanes. */
function assignRegister(machine: Machine, register: Register, word: number, operand: Operand): Run {
  const { lanes } = machine;
  const { out: value, run } = operand;
  const first = word * lanes;
  const copyActive = (): void => {
    run();
    if (machine.active === lanes) copyElements(value.u, register.u, first);
    else copyMasked(machine, value.u, register.u, first);
    if (value.origins !== undefined || register.origins !== undefined)
      assignOrigins(machine, register, first, value);
  };
  if (operand.into === undefined || value.words !== register.words) return copyActive;
  const compute = operand.into(register);
  return () => {
    if (machine.active === lanes) compute();
    else copyActive();
  };
}

/** Copy the elements of active lanes. */
function copyMasked({ mask, lanes }: Machine, from: Uint32Array, to: Uint32Array, first: number): void {
  for (let at = 0; at < from.length; ) {
    for (let lane = 0; lane < lanes; lane++, at++) if (mask[lane] === 1) to[first + at] = from[at];
  }
}

function assignOrigins(
  { mask, lanes, active }: Machine,
  register: Register,
  first: number,
  value: Register,
): void {
  const { origins } = value;
  const { length } = value.u;
  if (origins === undefined && active === lanes && length === register.u.length) {
    register.define();
    return;
  }
  const target = register.writableOrigins();
  for (let at = 0; at < length; at++) if (mask[at % lanes] === 1) target[first + at] = origins?.[at] ?? 0;
}

/** Assign words that differ between lanes. */
function scatter(
  { lanes }: Machine,
  register: Register,
  { addresses, valid }: { readonly addresses: Int32Array; readonly valid: Uint8Array },
  value: Register,
): void {
  const origins = value.origins || register.origins ? register.writableOrigins() : undefined;
  for (let at = 0; at < value.u.length; at++) {
    const lane = at % lanes;
    if (valid[lane] === 0) continue;
    const target = (addresses[lane] + Math.floor(at / lanes)) * lanes + lane;
    register.u[target] = value.u[at];
    if (origins) origins[target] = value.origins?.[at] ?? 0;
  }
}

/** Remove the active lanes, to come back where `exit` is read. */
function leave(machine: Machine, exit: Exit | undefined): Run {
  if (exit === undefined) throw new Error('a break or a continue outside of a loop');
  return () => {
    const { mask, lanes } = machine;
    for (let lane = 0; lane < lanes; lane++) {
      exit.lanes[lane] |= mask[lane];
      mask[lane] = 0;
    }
    exit.count += machine.active;
    machine.active = 0;
  };
}

function returning(compiler: Compiler, { value }: Of<'return'>): Run {
  const { machine, result } = compiler;
  const operand = value && compiler.expression(value);
  if (operand) release(compiler, operand);
  const take = operand && result ? assignRegister(machine, result, 0, operand) : operand?.run;
  return () => {
    take?.();
    machine.mask.fill(0);
    machine.active = 0;
  };
}

function branch(compiler: Compiler, statement: Of<'if'>, exits: Exits): Run {
  const { machine } = compiler;
  const { lanes } = machine;
  const condition = compiler.expression(statement.condition);
  release(compiler, condition);
  const then = compileBlock(compiler, statement.then, exits);
  const otherwise = compileBlock(compiler, statement.else, exits);
  const [thenMask, elseMask] = [new Uint8Array(lanes), new Uint8Array(lanes)];
  return () => {
    condition.run();
    machine.expectDefined(condition.out, statement.at, 'the condition');
    const { mask, active } = machine;
    const { u: holds } = condition.out;
    let count = 0;
    for (let lane = 0; lane < lanes; lane++) {
      thenMask[lane] = mask[lane] & holds[lane];
      elseMask[lane] = mask[lane] ^ thenMask[lane];
      count += thenMask[lane];
    }
    if (count === active) return then();
    if (count === 0) return otherwise();
    machine.setMask(thenMask, count);
    then();
    const left = machine.active;
    machine.setMask(elseMask, active - count);
    otherwise();
    for (let lane = 0; lane < lanes; lane++) mask[lane] = thenMask[lane] | elseMask[lane];
    machine.setMask(mask, left + machine.active);
  };
}

/** Compile a condition under which lanes go on: they are removed from the mask where it is `unless`. */
function leaveIf(
  compiler: Compiler,
  condition: Expression | undefined,
  unless: 0 | 1,
  exit: Exit,
  place: Place,
): Run | undefined {
  if (condition === undefined) return undefined;
  const { machine } = compiler;
  const operand = compiler.expression(condition);
  release(compiler, operand);
  return () => {
    operand.run();
    machine.expectDefined(operand.out, place, 'the condition of the loop');
    const { mask, lanes } = machine;
    const { u: holds } = operand.out;
    for (let lane = 0; lane < lanes; lane++) {
      if (mask[lane] === 0 || holds[lane] !== unless) continue;
      exit.lanes[lane] = 1;
      exit.count += 1;
      mask[lane] = 0;
      machine.active -= 1;
    }
  };
}

function loop(compiler: Compiler, { condition, body, continuing, breakIf, at }: Of<'loop'>): Run {
  const { machine } = compiler;
  const { lanes } = machine;
  const turn = new Uint8Array(lanes);
  const [broken, continued] = [new Exit(lanes), new Exit(lanes)];
  const leaveBefore = leaveIf(compiler, condition, 0, broken, at);
  const inside = { broken, continued };
  const { run, finish, leaveAfter } = compiler.scope(() => ({
    run: compileStatements(compiler, body, inside),
    finish: compileStatements(compiler, continuing, { broken: undefined, continued: undefined }),
    leaveAfter: leaveIf(compiler, breakIf, 1, broken, at),
  }));
  return () => {
    const { mask, active } = machine;
    for (let lane = 0; lane < lanes; lane++) turn[lane] = mask[lane];
    broken.clear();
    machine.setMask(turn, active);
    for (;;) {
      leaveBefore?.();
      if (machine.active === 0) break;
      run();
      if (continued.count > 0) {
        for (let lane = 0; lane < lanes; lane++) turn[lane] |= continued.lanes[lane];
        machine.active += continued.count;
        continued.clear();
      }
      if (machine.active === 0) break;
      finish();
      leaveAfter?.();
    }
    for (let lane = 0; lane < lanes; lane++) mask[lane] = broken.lanes[lane];
    machine.setMask(mask, broken.count);
  };
}

function choice(compiler: Compiler, { on, cases, at }: Of<'switch'>, exits: Exits): Run {
  const { machine } = compiler;
  const { lanes } = machine;
  const selector = compiler.expression(on);
  const [rest, mine] = [new Uint8Array(lanes), new Uint8Array(lanes)];
  const left = new Exit(lanes);
  // A `break` ends the switch; the lanes go on after it.
  const compiled = cases.map((each) => ({
    isChosen: chooser(each, cases),
    run: compileBlock(compiler, each.body, { ...exits, broken: left }),
  }));
  release(compiler, selector);
  return () => {
    selector.run();
    machine.expectDefined(selector.out, at, 'the selector');
    const { mask } = machine;
    const values = selector.out.i.slice(0, lanes);
    rest.set(mask);
    left.clear();
    for (const { isChosen, run } of compiled) {
      let count = 0;
      for (let lane = 0; lane < lanes; lane++) {
        mine[lane] = rest[lane] === 1 && isChosen(values[lane]) ? 1 : 0;
        count += mine[lane];
      }
      if (count === 0) continue;
      machine.setMask(mine, count);
      run();
      for (let lane = 0; lane < lanes; lane++) left.lanes[lane] |= mine[lane];
      left.count += machine.active;
    }
    mask.set(left.lanes);
    machine.setMask(mask, left.count);
  };
}

/** Return which values choose a case: its own, and for the default those of no case. */
function chooser({ values }: SwitchCase, cases: readonly SwitchCase[]): (value: number) => boolean {
  const own = new Set(values.map((value) => value && value | 0));
  if (!values.includes(undefined)) return (value) => own.has(value);
  const others = new Set(cases.flatMap((each) => each.values).map((value) => value && value | 0));
  return (value) => own.has(value) || !others.has(value);
}

function barrier(machine: Machine, { name, at }: Of<'barrier'>): Run {
  const space = name === 'storageBarrier' ? 'storage' : 'workgroup';
  return () => {
    const { active, lanes, mask } = machine;
    if (active < lanes) {
      const describe = () => `${active} of the ${lanes} invocations of the workgroup reach ${name}`;
      machine.report('non-uniform control flow', at, mask.indexOf(1), describe);
    }
    machine.barrier(space);
  };
}
