/** Writes a scheduled function as instructions of WebAssembly's stack machine. */
import { type FunctionBody, writeCode } from './assembler.ts';
import { unpackLanes } from './bits.ts';
import { ByteWriter } from './bytes.ts';
import type { Branch, FunctionGraph, If, Item, Label } from './control.ts';
import type { Form, FormOptions } from './forms.ts';
import {
  ATOMICS,
  CONTROL,
  INSTRUCTIONS,
  type Instruction,
  LOADS,
  STORES,
  type ValueType,
} from './instructions.ts';
import { LocalPool } from './localPool.ts';
import { EXTREMA, isImmediate, type Schedule, scheduleOf } from './schedule.ts';
import type { Immediate, Op, Segment, Value } from './value.ts';

/** Return a function of the intermediate form as WebAssembly. */
export function generate(graph: FunctionGraph, options: FormOptions): FunctionBody {
  return new Generator(graph, options).body();
}

class Generator {
  readonly #graph: FunctionGraph;
  readonly #schedule: Schedule;
  readonly #code = new ByteWriter(1024);
  readonly #locals: LocalPool;
  /** Constructs that are open, the innermost last. */
  readonly #labels: Label[] = [];
  /** Number of values of each segment that are written. */
  readonly #written = new Map<Segment, number>();

  constructor(graph: FunctionGraph, options: FormOptions) {
    this.#graph = graph;
    this.#schedule = scheduleOf(graph, options);
    this.#locals = new LocalPool(graph, this.#schedule);
  }

  body(): FunctionBody {
    const { parameters, body, result } = this.#graph;
    this.#items(body);
    if (result) {
      this.#flush(result.segment);
      this.#push(result.value);
    }
    return {
      parameters: parameters.map(typeOf),
      result: result && typeOf(result.value),
      locals: this.#locals.types,
      code: this.#code,
    };
  }

  #items(items: readonly Item[]): void {
    for (const [i, item] of items.entries()) {
      this.#flush(item.segment, item.kind === 'effect' || item.kind === 'block' ? item.order : undefined);
      switch (item.kind) {
        case 'effect':
          this.#effect(item.value);
          break;
        case 'if':
          this.#if(item);
          break;
        case 'block':
          this.#construct(CONTROL.block, item.label, item.body);
          break;
        case 'loop':
          this.#locals.defineAll(item.label.parameters);
          this.#assign(item.entry);
          this.#locals.enterLoop();
          this.#construct(CONTROL.loop, item.label, item.body);
          this.#locals.leaveLoop();
          break;
        case 'branch':
          this.#branch(item, i === items.length - 1);
          break;
        default:
          item satisfies never;
      }
    }
  }

  /** Write the values of a segment whose number is below `order`: all, without it. */
  #flush(segment: Segment, order = Number.POSITIVE_INFINITY): void {
    const values = this.#schedule.computed.get(segment);
    if (!values) return;
    let written = this.#written.get(segment) ?? 0;
    for (let value = values[written]; value && value.id < order; value = values[written]) {
      written++;
      this.#written.set(segment, written);
      if (this.#isInline(value) || this.#locals.has(value)) continue;
      this.#compute(value);
      this.#code.byte(CONTROL.localSet);
      this.#code.unsigned(this.#locals.define(value));
    }
  }

  /** True if a value is written where its only user is: both are of one statement, so that the order of statements stays. */
  #isInline(value: Value): boolean {
    if (this.#schedule.uses[value.id] !== 1) return false;
    const user = this.#schedule.user[value.id];
    if (!user || user.statement !== value.statement) return false;
    return this.#schedule.segmentOf(user) === this.#schedule.segmentOf(value);
  }

  #construct(opcode: number, label: Label, body: readonly Item[]): void {
    this.#open(opcode, label);
    this.#items(body);
    // A loop is left by branches: its end is never reached.
    if (label.kind === 'loop') this.#code.byte(CONTROL.unreachable);
    this.#close();
  }

  #open(opcode: number, label: Label): void {
    this.#code.byte(opcode);
    this.#code.byte(CONTROL.empty);
    this.#labels.push(label);
    if (label.kind === 'block') this.#locals.defineAll(label.parameters);
  }

  #close(): void {
    this.#code.byte(CONTROL.end);
    this.#labels.pop();
  }

  #if(item: If): void {
    const then = this.#soleBranch(item.whenTrue);
    const otherwise = this.#soleBranch(item.whenFalse);
    this.#push(item.condition);
    if (then && otherwise) {
      // Of two jumps without anything else, one goes on.
      if (then.label === item.label) writeCode(this.#code, codeOf('i32.eqz'));
      const away = then.label === item.label ? otherwise : then;
      const onward = then.label === item.label ? then : otherwise;
      if (away.label !== item.label) this.#branchIf(away.label);
      else this.#code.byte(CONTROL.drop);
      if (onward.label !== item.label) this.#branch(onward, false);
      return;
    }
    this.#open(CONTROL.if, item.label);
    this.#items(item.whenTrue);
    if (otherwise?.label !== item.label) {
      this.#code.byte(CONTROL.else);
      this.#items(item.whenFalse);
    }
    this.#close();
  }

  /** Return the branch that is all there is in an arm: nothing is computed in it, and no parameter is set. */
  #soleBranch([item, ...others]: readonly Item[]): Branch | undefined {
    if (item?.kind !== 'branch' || others.length > 0 || this.#schedule.computed.has(item.segment))
      return undefined;
    return item.label.parameters.some((parameter) => this.#schedule.uses[parameter.id]) ? undefined : item;
  }

  #branchIf(label: Label): void {
    this.#code.byte(CONTROL.branchIf);
    this.#code.unsigned(this.#depthOf(label));
  }

  #branch(branch: Branch, isLast: boolean): void {
    this.#assign(branch);
    const fallsThrough = isLast && branch.label.kind === 'block' && this.#labels.at(-1) === branch.label;
    if (fallsThrough) return;
    this.#code.byte(CONTROL.branch);
    this.#code.unsigned(this.#depthOf(branch.label));
  }

  #depthOf(label: Label): number {
    const at = this.#labels.lastIndexOf(label);
    if (at < 0) throw new Error('a branch leaves for a label that is not around it');
    return this.#labels.length - 1 - at;
  }

  /** Set the parameters of a branch's label: all values are computed before the first is set. */
  #assign({ label, arguments: values }: Branch): void {
    const targets: Value[] = [];
    for (const [i, parameter] of label.parameters.entries()) {
      const value = values[i];
      if (!value || !this.#schedule.uses[parameter.id]) continue;
      if (value === parameter) {
        this.#locals.use(value);
        continue;
      }
      this.#push(value);
      targets.push(parameter);
    }
    for (const parameter of targets.reverse()) {
      this.#code.byte(CONTROL.localSet);
      this.#code.unsigned(this.#locals.peek(parameter));
    }
  }

  #effect(value: Value): void {
    const isUsed = (this.#schedule.uses[value.id] ?? 0) > 0;
    if (!isUsed && value.op.includes('.load')) return;
    this.#compute(value);
    if (!value.type) return;
    if (isUsed) {
      this.#code.byte(CONTROL.localSet);
      this.#code.unsigned(this.#locals.define(value));
    } else this.#code.byte(CONTROL.drop);
  }

  /** Push a value: from its local, or computed here. */
  #push(value: Value): void {
    if (this.#locals.has(value)) {
      this.#code.byte(CONTROL.localGet);
      this.#code.unsigned(this.#locals.use(value));
      return;
    }
    this.#compute(value);
    if (isImmediate(value) || this.#isInline(value)) return;
    this.#code.byte(CONTROL.localTee);
    this.#code.unsigned(this.#locals.define(value));
    this.#locals.use(value);
  }

  #compute(value: Value): void {
    const form = this.#schedule.formOf(value);
    for (const input of form.inputs) this.#push(input);
    const comparison = EXTREMA[form.op];
    if (!comparison) {
      this.#operation(form);
      return;
    }
    for (const input of form.inputs) this.#push(input);
    writeCode(this.#code, codeOf(comparison));
    this.#code.byte(CONTROL.select);
  }

  #operation({ op, immediate }: Form): void {
    const code = this.#code;
    if (isKey(op, LOADS)) {
      const [opcode, , alignment] = LOADS[op];
      this.#memory(opcode, alignment, Number(immediate));
    } else if (isKey(op, STORES)) {
      const [opcode, alignment] = STORES[op];
      this.#memory(opcode, alignment, Number(immediate));
      if (op === 'v128.store64_lane') code.byte(0);
      if (op === 'v128.store32_lane') code.byte(2);
    } else if (isKey(op, ATOMICS)) {
      this.#memory(ATOMICS[op], 2, Number(immediate));
    } else {
      this.#plain(op, immediate);
    }
  }

  #plain(op: Op, immediate: Immediate): void {
    const code = this.#code;
    switch (op) {
      case 'i32.const':
        code.byte(CONTROL.i32Const);
        code.signed(Number(immediate));
        break;
      case 'i64.const':
        code.byte(CONTROL.i64Const);
        code.signed(Number(immediate));
        break;
      case 'f32.const':
        code.byte(CONTROL.f32Const);
        code.word(Number(immediate));
        break;
      case 'v128.const':
        writeCode(code, CONTROL.v128Const);
        for (const lane of String(immediate).split(',')) code.word(Number(lane));
        break;
      case 'shuffle':
        writeCode(code, CONTROL.shuffle);
        for (const lane of unpackLanes(Number(immediate))) {
          for (let byte = 0; byte < 4; byte++) code.byte(4 * lane + byte);
        }
        break;
      case 'select':
        code.byte(CONTROL.select);
        break;
      case 'call':
        code.byte(CONTROL.call);
        code.unsigned(Number(immediate));
        break;
      case 'memory.fill':
        writeCode(code, CONTROL.memoryFill);
        code.byte(0);
        break;
      default:
        writeCode(code, codeOf(op));
        if (op.endsWith('_lane')) code.byte(Number(immediate));
    }
  }

  #memory(opcode: number, alignment: number, offset: number): void {
    writeCode(this.#code, opcode);
    this.#code.unsigned(alignment);
    this.#code.unsigned(offset);
  }
}

function typeOf({ type }: Value): ValueType {
  if (!type) throw new Error('a store has no value');
  return type;
}

const isKey = <T extends object>(key: PropertyKey, of: T): key is keyof T => Object.hasOwn(of, key);

function codeOf(op: Op): number {
  const instruction = INSTRUCTIONS.get(op as Instruction);
  if (!instruction) throw new Error(`${op} is no instruction`);
  return instruction.code;
}
