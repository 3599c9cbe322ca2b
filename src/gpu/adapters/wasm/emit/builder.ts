/**
 * Builds control flow, and finds the value of each variable at each place as it goes: the static single assignment form. A
 * variable is a slot; where branches meet, each slot that differs becomes a parameter of the label.
 */
import type { Branch, FunctionGraph, Item, Label } from './control.ts';
import { Graph } from './graph.ts';
import type { AtomicName, LoadName, StoreName, ValueType } from './instructions.ts';
import { commonDominator, constantOf, Loop, Segment, type Value } from './value.ts';

/** A branch whose arguments are not known until its label is closed: the values of all slots at the branch. */
interface Edge {
  readonly branch: Branch;
  readonly slots: readonly Value[];
}

/** The end of a block that is being built. */
export interface OpenLabel extends Label {
  readonly kind: 'block';
  /** Number of slots at its start: those that are known at its end. */
  readonly height: number;
  readonly loop: Loop | undefined;
  readonly edges: Edge[];
}

/** The start of a loop that is being built. */
export interface OpenLoop extends Label {
  readonly kind: 'loop';
  /** The slots that its parameters are of. */
  readonly slots: readonly number[];
  readonly loop: Loop;
  /** The first segment of its body. */
  readonly segment: Segment;
  readonly entry: Branch;
}

/** The place before two arms. */
interface Fork {
  /** Their common end. */
  readonly label: OpenLabel;
  readonly segment: Segment;
  readonly order: number;
  readonly slots: readonly Value[];
}

export class Builder extends Graph {
  readonly parameters: readonly Value[];
  /** The value of each variable, by its slot, where code is being built. */
  slots: Value[] = [];
  #reachable = true;
  #items: Item[] = [];
  /** Labels whose end is not reached yet. */
  readonly #open = new Set<OpenLabel>();

  constructor(parameters: readonly ValueType[] = []) {
    super();
    this.parameters = parameters.map((type) => this.parameter(type, this.root));
  }

  /** False after a branch: what follows is never run, and must not be built. */
  get reachable(): boolean {
    return this.#reachable;
  }

  /** End the function, which returns `value`, if anything. */
  finish(value?: Value): FunctionGraph {
    const result = value && { value, segment: this.segment };
    return { parameters: this.parameters, body: this.#items, result, size: this.size };
  }

  /** A new variable. Return its slot. */
  declare(value: Value): number {
    return this.slots.push(value) - 1;
  }

  /** A value that has an effect, or reads memory that the kernel writes. */
  effect(
    op: LoadName | StoreName | AtomicName | 'memory.fill',
    inputs: readonly Value[],
    offset: number,
  ): Value {
    const value = this.pinned(op, inputs, offset, this.segment);
    this.#items.push({ kind: 'effect', order: value.id, segment: this.segment, value });
    return value;
  }

  /** Build a block; `body` may branch to its end. */
  block(body: (end: OpenLabel) => void): void {
    const label = this.#openLabel();
    const segment = this.segment;
    const order = this.order();
    const items = this.#collect(() => {
      body(label);
      this.branch(label);
    });
    // Without a branch from the middle there is nothing to jump over.
    const [only] = label.branches;
    if (label.branches.length === 1 && only === items.at(-1)) {
      items.pop();
      this.#open.delete(label);
      this.#items.push(...items);
      this.slots.length = label.height;
      this.#reachable = true;
      return;
    }
    this.#items.push({ kind: 'block', order, segment, label, body: items });
    this.#close(label);
  }

  /** Build two arms, of which one runs. */
  ifElse(condition: Value, whenTrue: () => void, whenFalse: () => void = () => undefined): void {
    const known = constantOf(condition);
    if (known !== undefined) {
      this.#inScope(known ? whenTrue : whenFalse);
      return;
    }
    const start = this.#fork();
    const then = this.#arm(start, whenTrue);
    this.#join(start, condition, then, this.#arm(start, whenFalse));
  }

  /**
   * Build two versions of the same. The first runs where a condition holds, which is known when it is built. If there turns out to be
   * none, the first is dropped.
   */
  version(first: () => void, condition: () => Value | undefined, second: () => void): void {
    const start = this.#fork();
    const counts = [...this.#open].map(({ branches }) => branches.length);
    const then = this.#arm(start, first);
    this.#restore(start);
    const holds = condition();
    if (holds) {
      this.#join(start, holds, then, this.#arm(start, second));
      return;
    }
    this.#open.delete(start.label);
    for (const [i, label] of [...this.#open].entries()) {
      label.branches.length = counts[i] ?? 0;
      label.edges.length = counts[i] ?? 0;
    }
    second();
  }

  #fork(): Fork {
    return { label: this.#openLabel(), segment: this.segment, order: this.order(), slots: [...this.slots] };
  }

  #restore({ segment, slots }: Fork): void {
    this.segment = segment;
    this.slots = [...slots];
    this.#reachable = true;
  }

  #arm(start: Fork, body: () => void): Item[] {
    this.#restore(start);
    this.segment = new Segment(start.segment, start.segment.loop);
    return this.#collect(() => {
      body();
      this.branch(start.label);
    });
  }

  #join(
    { label, segment, order }: Fork,
    condition: Value,
    whenTrue: readonly Item[],
    whenFalse: readonly Item[],
  ): void {
    this.#items.push({ kind: 'if', order, segment, condition, whenTrue, whenFalse, label });
    this.#close(label);
  }

  /** Build a loop that assigns these slots; it is left by branches to blocks around it. `body` may repeat it. */
  loop(assigned: readonly number[], body: (start: OpenLoop) => void): void {
    const loop = new Loop(this.segment.loop);
    const around = this.segment;
    const order = this.order();
    const [parameters, branches]: [Value[], Branch[]] = [[], []];
    const initial = assigned.map((slot) => this.value(slot));
    const segment = new Segment(around, loop);
    const target: Label = { kind: 'loop', parameters, branches };
    const entry: Branch = { kind: 'branch', order, segment: around, label: target, arguments: initial };
    const label: OpenLoop = { kind: 'loop', parameters, branches, slots: assigned, loop, segment, entry };
    this.segment = segment;
    for (const [i, slot] of assigned.entries()) {
      const parameter = this.parameter(initial[i]?.type, segment);
      parameters.push(parameter);
      this.slots[slot] = parameter;
    }
    const items = this.#collect(() => {
      body(label);
      this.repeat(label);
    });
    this.#items.push({ kind: 'loop', order, segment: around, label, entry, body: items });
  }

  /** Jump to the start of a loop. */
  repeat(label: OpenLoop): void {
    if (!this.#reachable) return;
    this.#jump(
      label,
      label.slots.map((slot) => this.value(slot)),
    );
  }

  /** Jump to the end of a block. */
  branch(label: OpenLabel): void {
    if (!this.#reachable) return;
    const branch = this.#jump(label, []);
    label.edges.push({ branch, slots: this.slots.slice(0, label.height) });
  }

  /** Return the value of a slot. */
  value(slot: number): Value {
    const value = this.slots[slot];
    if (!value) throw new Error(`no variable has slot ${slot}`);
    return value;
  }

  #openLabel(): OpenLabel {
    const label: OpenLabel = {
      kind: 'block',
      parameters: [],
      branches: [],
      height: this.slots.length,
      loop: this.segment.loop,
      edges: [],
    };
    this.#open.add(label);
    return label;
  }

  #jump(label: Label, values: Value[]): Branch {
    const branch: Branch = {
      kind: 'branch',
      order: this.order(),
      segment: this.segment,
      label,
      arguments: values,
    };
    label.branches.push(branch);
    this.#items.push(branch);
    this.#reachable = false;
    return branch;
  }

  #collect(body: () => void): Item[] {
    const around = this.#items;
    const items: Item[] = [];
    this.#items = items;
    body();
    this.#items = around;
    return items;
  }

  /** Run a part whose own variables end with it. */
  #inScope(body: () => void): void {
    const height = this.slots.length;
    body();
    this.slots.length = Math.min(height, this.slots.length);
  }

  /** Go on after a label: with the slots of its only branch, or with parameters where they differ. */
  #close(label: OpenLabel): void {
    this.#open.delete(label);
    const [first, ...others] = label.edges;
    this.#reachable = first !== undefined;
    if (!first) {
      this.slots.length = label.height;
      return;
    }
    const dominator = others.reduce(
      (segment, { branch }) => commonDominator(segment, branch.segment),
      first.branch.segment,
    );
    this.segment = new Segment(dominator, label.loop);
    this.slots = [...first.slots];
    for (const [slot, value] of first.slots.entries()) {
      if (others.every(({ slots }) => slots[slot] === value)) continue;
      const parameter = this.parameter(value.type, this.segment);
      label.parameters.push(parameter);
      for (const { branch, slots } of label.edges) branch.arguments.push(slots[slot] ?? value);
      this.slots[slot] = parameter;
    }
  }
}
