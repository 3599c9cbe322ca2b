/** Places in memory or in registers: their addresses in all lanes, with bounds checked. */
import type { Expression, Place, Reference, Type, Variable } from '../wgsl/tree.ts';
import { type Compiler, type Operand, type Run, release } from './compiler.ts';
import { elementsOf, sizeOf, wordOfMember, wordsOf } from './layout.ts';
import type { Machine } from './machine.ts';
import type { Location, Segment } from './segment.ts';

/** An index that is known at run time. */
interface DynamicIndex {
  readonly index: Expression;
  /** Number of elements; undefined for those that fit into a binding from `start` on. */
  readonly length: number | undefined;
  /** Words from one element to the next. */
  readonly stride: number;
  /** First word of the array, without earlier indices. */
  readonly start: number;
  readonly at: Place;
  /** The array, as messages name it. */
  readonly name: string;
}

/** A reference as a sum: of a variable's words, one that is known now and multiples of indices. */
interface Path {
  readonly variable: Variable;
  readonly word: number;
  readonly indices: readonly DynamicIndex[];
}

/** Return true for variables that lie in memory, false for those in registers. */
export const isInMemory = ({ space }: Variable): boolean =>
  space === 'storage' || space === 'uniform' || space === 'workgroup';

/** Return the variable that a reference is a part of. */
export function variableOf(reference: Reference): Variable {
  return reference.kind === 'variable' ? reference.variable : variableOf(reference.base);
}

/** Return the place of a reference's last index, or the statement's. */
export function placeOf(reference: Reference, statement: Place): Place {
  if (reference.kind === 'variable') return statement;
  return reference.kind === 'index' ? reference.at : placeOf(reference.base, statement);
}

function memberOffset(type: Type, member: number, inMemory: boolean): number {
  if (!inMemory) return wordOfMember(type, member);
  if (type.kind !== 'struct') throw new Error(`a ${type.kind} has no members`);
  return type.members[member].offset / 4;
}

function pathOf(reference: Reference, inMemory: boolean): Path {
  if (reference.kind === 'variable') return { variable: reference.variable, word: 0, indices: [] };
  const path = pathOf(reference.base, inMemory);
  const { type } = reference.base;
  switch (reference.kind) {
    case 'member':
      return { ...path, word: path.word + memberOffset(type, reference.member, inMemory) };
    case 'component':
      return { ...path, word: path.word + reference.component };
    case 'index': {
      const { of, length, stride } = elementsOf(type);
      const words = inMemory ? stride / 4 : wordsOf(of);
      const { index, at } = reference;
      if (index.kind === 'literal' && length !== undefined && Number(index.value) < length)
        return { ...path, word: path.word + Number(index.value) * words };
      const name = textOf(reference.base);
      const dynamic = { index, length, stride: words, start: path.word, at, name };
      return { ...path, indices: [...path.indices, dynamic] };
    }
  }
}

function textOf(reference: Reference): string {
  switch (reference.kind) {
    case 'variable':
      return reference.variable.name;
    case 'index':
      return `${textOf(reference.base)}[…]`;
    case 'component':
      return `${textOf(reference.base)}.${'xyzw'[reference.component]}`;
    case 'member': {
      const { type } = reference.base;
      const name = type.kind === 'struct' ? type.members[reference.member].name : reference.member;
      return `${textOf(reference.base)}.${name}`;
    }
  }
}

/** Word addresses of a reference. `valid` and `count` say for which lanes. */
export interface Addresses {
  readonly addresses: Int32Array;
  valid: Uint8Array;
  count: number;
}

/**
 * Add an index to addresses, and remove the lanes in which it is out of bounds. `first` is given to the first index: the
 * address without any.
 */
function addIndex(
  { machine }: Compiler,
  { length, stride, start, at, name }: DynamicIndex,
  { out, run }: Operand,
  {
    target,
    segment,
    first,
  }: { target: Addresses; segment?: Segment | undefined; first?: number | undefined },
): Run {
  const { lanes } = machine;
  const inBounds = new Uint8Array(lanes);
  const { addresses } = target;
  const what = `the index of '${name}'`;
  return () => {
    run();
    machine.expectDefined(out, at, what);
    const elements = length ?? Math.floor(((segment?.size ?? 0) / 4 - start) / stride);
    const { valid } = target;
    const { u: index } = out;
    let outside = 0;
    for (let lane = 0; lane < lanes; lane++) {
      addresses[lane] = (first ?? addresses[lane]) + index[lane] * stride;
      if (index[lane] >= elements) outside |= valid[lane];
    }
    if (outside === 0) return;
    target.count = 0;
    for (let lane = 0; lane < lanes; lane++) {
      inBounds[lane] = index[lane] < elements ? valid[lane] : 0;
      target.count += inBounds[lane];
      if (valid[lane] === 1 && inBounds[lane] === 0) {
        const describe = () => `index ${out.i[lane]} of '${name}', which has ${elements} elements`;
        machine.report('out of bounds', at, lane, describe);
      }
    }
    target.valid = inBounds;
  };
}

/** Compile the addresses of a path. They are in `target` after the run. */
function addressRun(compiler: Compiler, { word, indices }: Path, target: Addresses, segment?: Segment): Run {
  const { machine } = compiler;
  const { addresses } = target;
  addresses.fill(word);
  const operands = indices.map(({ index }) => compiler.expression(index));
  for (const operand of operands) release(compiler, operand);
  const adding = indices.map((index, i) =>
    addIndex(compiler, index, operands[i], { target, segment, first: i === 0 ? word : undefined }),
  );
  return () => {
    takeMask(target, machine);
    for (let i = 0; i < adding.length; i++) adding[i]();
  };
}

function takeMask(target: Addresses, { mask, active }: Machine): void {
  target.valid = mask;
  target.count = active;
}

const addressesFor = ({ machine }: Compiler): Addresses => ({
  addresses: new Int32Array(machine.lanes),
  valid: machine.mask,
  count: 0,
});

/** A reference to memory. After `run`, `location` has its addresses. */
export interface MemoryReference {
  readonly location: Location;
  readonly run: Run;
}

export function memoryReference(compiler: Compiler, reference: Reference): MemoryReference {
  const path = pathOf(reference, true);
  const segment = compiler.segmentOf(path.variable);
  const location: Location = { ...addressesFor(compiler), segment };
  return { location, run: addressRun(compiler, path, location, segment) };
}

/** A reference to a register: a part that is known now, or words that are known after `run`. */
export type RegisterReference =
  | { readonly kind: 'fixed'; readonly word: number }
  | { readonly kind: 'dynamic'; readonly target: Addresses; readonly run: Run };

export function registerReference(compiler: Compiler, reference: Reference): RegisterReference {
  const path = pathOf(reference, false);
  if (path.indices.length === 0) return { kind: 'fixed', word: path.word };
  const target = addressesFor(compiler);
  return { kind: 'dynamic', target, run: addressRun(compiler, path, target) };
}

/** Return the number of elements of a runtime-sized array. */
export function runtimeLength(reference: Reference, segment: Segment): number {
  const { word } = pathOf(reference, true);
  const { type } = reference;
  if (type.kind !== 'array') throw new Error('arrayLength takes an array');
  return type.length ?? Math.floor((segment.size - 4 * word) / type.stride);
}

/** Return the minimum size of a binding, in bytes: WebGPU requires one element of a runtime-sized array. */
export function minimumSize({ type }: Variable): number {
  const last = type.kind === 'struct' ? type.members.at(-1)?.type : type;
  const element = last?.kind === 'array' && last.length === undefined ? last.stride : 0;
  return sizeOf(type) + element;
}

/** Compile the index of an array value or a vector value. */
export function elementReference(
  compiler: Compiler,
  type: Type,
  index: Expression,
  at: Place,
): { readonly target: Addresses; readonly run: Run } {
  const { of, length } = elementsOf(type);
  const dynamic = { index, length, stride: wordsOf(of), start: 0, at, name: 'value' };
  const target = addressesFor(compiler);
  const operand = compiler.expression(index);
  release(compiler, operand);
  const add = addIndex(compiler, dynamic, operand, { target, first: 0 });
  const run = () => {
    takeMask(target, compiler.machine);
    add();
  };
  return { target, run };
}
