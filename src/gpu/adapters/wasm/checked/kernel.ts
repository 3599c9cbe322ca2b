/**
 * A shader as a closure that runs all invocations of a workgroup together and finds faults. Workgroups run one after another.
 */
import type {
  BuiltinValue,
  EntryPoint,
  Expression,
  Place,
  Shader,
  ShaderFunction,
  Variable,
} from '../wgsl/tree.ts';
import { Shadow } from './accesses.ts';
import type { CompiledFunction, Compiler, Operand, Run } from './compiler.ts';
import { compileExpression } from './expressions.ts';
import { SourceText } from './findings.ts';
import { sizeOf, wordsOf } from './layout.ts';
import { Machine, type Session } from './machine.ts';
import { isInMemory } from './reference.ts';
import { Register, RegisterPool } from './register.ts';
import { type BoundRange, Segment } from './segment.ts';
import { compileBlock } from './statements.ts';

/** A kernel to check. */
export interface CheckedKernelOptions {
  /** Its name, for messages. */
  readonly name: string;
  /** The source that the shader was made from, for messages. */
  readonly source: string;
  /** Lanes of a subgroup; 0 if there are none. */
  readonly subgroup: number;
  readonly session: Session;
}

type Size = readonly [number, number, number];

/** A kernel that finds its own faults. */
export class CheckedKernel {
  /** Numbers of the bindings, in ascending order. */
  readonly bindings: readonly number[];
  readonly #machine: Machine;
  readonly #bound: readonly Segment[];
  readonly #workgroupMemory: readonly Segment[];
  readonly #inputs: readonly Input[];
  readonly #setUp: Run;
  readonly #main: Run;

  constructor(shader: Shader, { name, source, subgroup, session }: CheckedKernelOptions) {
    const { entry, variables } = shader;
    const [x, y, z] = entry.workgroupSize;
    const machine = new Machine(x * y * z, subgroup, new SourceText(name, source), session);
    const segments = new Map(
      variables.filter(isInMemory).map((variable) => [variable, new Segment(variable)]),
    );
    const privates = variables.filter(({ space }) => space === 'private');
    const globals: Globals = {
      machine,
      segments,
      functions: new Map(),
      privates: new Map(
        privates.map((variable) => [variable, new Register(wordsOf(variable.type), machine.lanes)]),
      ),
    };
    const all = [...segments.values()];
    this.#machine = machine;
    this.#bound = all.filter(({ variable }) => variable.binding !== undefined);
    this.bindings = this.#bound.map(({ variable }) => variable.binding ?? 0);
    this.#workgroupMemory = all.filter(({ variable }) => variable.space === 'workgroup');
    for (const segment of this.#workgroupMemory) segment.bind(memoryFor(segment.variable));
    for (const each of shader.functions) {
      if (each !== entry.function) globals.functions.set(each, compileFunction(globals, each));
    }
    const { parameters, run } = compileFunction(globals, entry.function);
    this.#inputs = builtinInputs(entry, parameters, machine);
    this.#setUp = initialisation(globals, privates, entry.function.at);
    this.#main = run;
  }

  /** Run `workgroups` workgroups; `ranges` are the memory of the bindings, in their order. */
  run(workgroups: Size, ranges: readonly BoundRange[]): void {
    const machine = this.#machine;
    this.#bound.forEach((segment, i) => {
      segment.bind(ranges[i]);
    });
    machine.beginDispatch();
    this.#reportOverlaps(ranges);
    const [columns, rows, layers] = workgroups;
    for (let z = 0; z < layers; z++) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) this.#runWorkgroup([x, y, z], workgroups);
      }
    }
  }

  #runWorkgroup(workgroup: Size, workgroups: Size): void {
    for (const segment of this.#workgroupMemory) segment.reset();
    this.#machine.beginWorkgroup(workgroup);
    for (const input of this.#inputs) input(workgroup, workgroups);
    this.#setUp();
    this.#main();
  }

  #reportOverlaps(ranges: readonly BoundRange[]): void {
    const { session, text } = this.#machine;
    this.#bound.forEach(({ variable }, i) => {
      this.#bound.slice(0, i).forEach(({ variable: other }, j) => {
        if (!variable.writable && !other.writable) return;
        if (!overlap(ranges[i], ranges[j])) return;
        const detail = `'${other.name}' and '${variable.name}' are bound to the same memory, and one is written`;
        session.report(text.finding('overlapping bindings', undefined, detail));
      });
    });
  }
}

function overlap(a: BoundRange, b: BoundRange): boolean {
  return (
    a.shadow === b.shadow &&
    a.shadowOffset < b.shadowOffset + b.size &&
    b.shadowOffset < a.shadowOffset + a.size
  );
}

/** Return memory for a workgroup variable. */
function memoryFor({ type }: Variable): BoundRange {
  const size = sizeOf(type);
  return { bytes: new ArrayBuffer(size), offset: 0, size, shadow: new Shadow(size / 4), shadowOffset: 0 };
}

/** State that all functions of a kernel share. */
interface Globals {
  readonly machine: Machine;
  readonly segments: ReadonlyMap<Variable, Segment>;
  readonly privates: ReadonlyMap<Variable, Register>;
  readonly functions: Map<ShaderFunction, CompiledFunction>;
}

/** Compiles one function. Its registers are its own: functions are not recursive. */
class FunctionCompiler implements Compiler {
  readonly machine: Machine;
  readonly pool: RegisterPool;
  readonly result: Register | undefined;
  place: Place;
  readonly #globals: Globals;
  readonly #registers = new Map<Variable, Register>();
  readonly #constants = new Map<number, Register>();
  #declared: Register[] = [];

  constructor(globals: Globals, at: Place, result?: Register) {
    this.#globals = globals;
    this.machine = globals.machine;
    this.pool = new RegisterPool(globals.machine.lanes);
    this.result = result;
    this.place = at;
  }

  registerOf(variable: Variable): Register {
    return expectFound(this.#registers.get(variable) ?? this.#globals.privates.get(variable), variable.name);
  }

  segmentOf(variable: Variable): Segment {
    return expectFound(this.#globals.segments.get(variable), variable.name);
  }

  functionOf(callee: ShaderFunction): CompiledFunction {
    return expectFound(this.#globals.functions.get(callee), callee.name);
  }

  constant(bits: number): Register {
    const known = this.#constants.get(bits);
    if (known) return known;
    const register = new Register(1, this.machine.lanes);
    register.u.fill(bits);
    this.#constants.set(bits, register);
    return register;
  }

  expression(expression: Expression): Operand {
    return compileExpression(this, expression);
  }

  declare(variable: Variable, register: Register): void {
    this.#registers.set(variable, register);
    this.#declared.push(register);
  }

  scope<Result>(compile: () => Result): Result {
    const outer = this.#declared;
    this.#declared = [];
    const result = compile();
    for (const register of this.#declared) this.pool.giveBack(register);
    this.#declared = outer;
    return result;
  }
}

function expectFound<Found>(found: Found | undefined, name: string): Found {
  if (found === undefined) throw new Error(`'${name}' is used before it is declared`);
  return found;
}

function compileFunction(
  globals: Globals,
  { parameters, returns, body, at }: ShaderFunction,
): CompiledFunction {
  const { machine } = globals;
  const result = returns && new Register(wordsOf(returns), machine.lanes);
  const compiler = new FunctionCompiler(globals, at, result);
  const registers = parameters.map((parameter) => {
    const register = new Register(wordsOf(parameter.type), machine.lanes);
    compiler.declare(parameter, register);
    return register;
  });
  const runBody = compileBlock(compiler, body, { broken: undefined, continued: undefined });
  const mask = new Uint8Array(machine.lanes);
  const run = () => {
    const { mask: outer, active } = machine;
    mask.set(outer);
    machine.setMask(mask, active);
    result?.define();
    runBody();
    machine.setMask(outer, active);
  };
  return { parameters: registers, result, run };
}

/** Return what sets private variables to their initial values. */
function initialisation(globals: Globals, privates: readonly Variable[], at: Place): Run {
  const compiler = new FunctionCompiler(globals, at);
  const runs = privates.map((variable): Run => {
    const register = compiler.registerOf(variable);
    const value = variable.initial && compiler.expression(variable.initial);
    return () => {
      value?.run();
      register.define();
      if (value) register.u.set(value.out.u);
      else register.u.fill(0);
    };
  });
  return () => {
    for (const run of runs) run();
  };
}

/** Sets a parameter of the entry point for a workgroup. */
type Input = (workgroup: Size, workgroups: Size) => void;

/** Return what sets the parameters of the entry point. What is the same in every workgroup is set at once. */
function builtinInputs(
  { builtins, workgroupSize }: EntryPoint,
  parameters: readonly Register[],
  { lanes, subgroup }: Machine,
): Input[] {
  const [width, height] = workgroupSize;
  const localId = (lane: number): Size => [
    lane % width,
    Math.floor(lane / width) % height,
    Math.floor(lane / width / height),
  ];
  const inputOf = (builtin: BuiltinValue, { u }: Register): Input | undefined => {
    const setLanes = (ofLane: (lane: number) => number, word = 0): void => {
      for (let lane = 0; lane < lanes; lane++) u[word * lanes + lane] = ofLane(lane);
    };
    switch (builtin) {
      case 'workgroup_id':
        return (workgroup) => setAxes(u, workgroup, lanes);
      case 'num_workgroups':
        return (_, workgroups) => setAxes(u, workgroups, lanes);
      case 'global_invocation_id':
        return (workgroup) =>
          workgroup.forEach((id, axis) => {
            setLanes((lane) => id * workgroupSize[axis] + localId(lane)[axis], axis);
          });
      case 'local_invocation_id':
        for (const axis of [0, 1, 2]) setLanes((lane) => localId(lane)[axis], axis);
        return undefined;
      case 'local_invocation_index':
        setLanes((lane) => lane);
        return undefined;
      case 'subgroup_invocation_id':
        setLanes((lane) => lane % subgroup);
        return undefined;
      case 'subgroup_size':
        setLanes(() => subgroup);
        return undefined;
    }
  };
  return builtins.flatMap((builtin, i) => inputOf(builtin, parameters[i]) ?? []);
}

/** Set the three components of a vector in all lanes. */
function setAxes(u: Uint32Array, values: Size, lanes: number): void {
  for (let axis = 0; axis < 3; axis++) u.fill(values[axis], axis * lanes, (axis + 1) * lanes);
}
