/** Control flow of the intermediate form: structured as WebAssembly's, and labels have parameters in the place of phis. */
import type { Segment, Value } from './value.ts';

/** The target of branches. Of a loop: its start. Else: the end of its block. */
export interface Label {
  readonly kind: 'block' | 'loop';
  readonly parameters: Value[];
  readonly branches: Branch[];
}

/** Sets the label's parameters and jumps to it. */
export interface Branch {
  readonly kind: 'branch';
  readonly order: number;
  readonly segment: Segment;
  readonly label: Label;
  /** One for each parameter of the label. */
  readonly arguments: Value[];
}

/** A value that has an effect, or that must be computed here. */
export interface Effect {
  readonly kind: 'effect';
  readonly order: number;
  readonly segment: Segment;
  readonly value: Value;
}

export interface If {
  readonly kind: 'if';
  readonly order: number;
  readonly segment: Segment;
  readonly condition: Value;
  readonly whenTrue: readonly Item[];
  readonly whenFalse: readonly Item[];
  /** Its end. Both arms branch to it, or elsewhere. */
  readonly label: Label;
}

export interface Block {
  readonly kind: 'block';
  readonly order: number;
  readonly segment: Segment;
  readonly label: Label;
  readonly body: readonly Item[];
}

/** Never falls through: it is left by branches to blocks around it. */
export interface LoopItem {
  readonly kind: 'loop';
  readonly order: number;
  readonly segment: Segment;
  readonly label: Label;
  /** Sets the parameters at the start; not among the label's branches. */
  readonly entry: Branch;
  readonly body: readonly Item[];
}

/** `order` is ascending, among the numbers of values: what was created before comes before. */
export type Item = Branch | Effect | If | Block | LoopItem;

/** A function of the intermediate form. */
export interface FunctionGraph {
  readonly parameters: readonly Value[];
  readonly body: readonly Item[];
  /** The value that it returns at its end. */
  readonly result: { readonly value: Value; readonly segment: Segment } | undefined;
  /** Values have numbers below this. */
  readonly size: number;
}
