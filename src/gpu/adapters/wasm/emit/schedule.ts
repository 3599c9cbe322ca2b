/**
 * Finds a segment for each pure value: global code motion (Click, "Global code motion, global value numbering", PLDI 1995). A value
 * goes to the last segment that dominates all its uses, or before the loops around that, as far as its inputs allow.
 */
import type { Branch, FunctionGraph, Item, Label } from './control.ts';
import { type Form, type FormOptions, formsOf } from './forms.ts';
import type { Instruction } from './instructions.ts';
import { commonDominator, type Op, type Segment, type Value } from './value.ts';

export interface Schedule {
  /** Values of each segment that are computed there, in ascending order. Pinned ones are items. */
  readonly computed: ReadonlyMap<Segment, readonly Value[]>;
  /** Number of places that use a value, by its id; 0 if it is dead. */
  readonly uses: Int32Array;
  /** The only user of a value that is used once, by its id; undefined if that is an item. */
  readonly user: readonly (Value | undefined)[];
  segmentOf(value: Value): Segment;
  /** The way a value is computed. */
  formOf(value: Value): Form;
}

/** The place that gives a parameter its values. */
interface Source {
  readonly branches: readonly Branch[];
  readonly index: number;
}

/** Constants are made where they are used. */
export const isImmediate = ({ op }: Value): boolean =>
  op === 'i32.const' || op === 'f32.const' || op === 'i64.const';

/** Written as a selection: the operand for which the comparison with the other holds. Both are used twice. */
export const EXTREMA: Readonly<Partial<Record<Op, Instruction>>> = {
  clamp: 'i32.lt_u',
  'i32.min_u': 'i32.lt_u',
  'i32.min_s': 'i32.lt_s',
  'i32.max_u': 'i32.gt_u',
  'i32.max_s': 'i32.gt_s',
};

/** True if the operation does something even if nobody uses its result. */
const hasEffect = (value: Value): boolean =>
  value.pinned && value.op !== 'parameter' && !value.op.includes('.load');

export function scheduleOf(graph: FunctionGraph, options: FormOptions): Schedule {
  const uses = new Int32Array(graph.size);
  const live: Value[] = [];
  const late: (Segment | undefined)[] = new Array(graph.size);
  const user: (Value | undefined)[] = new Array(graph.size);
  const sources = new Map<Value, Source>();
  const waiting: Value[] = [];
  const isLive = new Uint8Array(graph.size);
  const itemUses = new Set<Value>();

  const mark = (value: Value): void => {
    if (isLive[value.id]) return;
    isLive[value.id] = 1;
    live.push(value);
    waiting.push(value);
  };
  const use = (value: Value, segment: Segment, by?: Value): void => {
    uses[value.id] = (uses[value.id] ?? 0) + 1;
    user[value.id] = by;
    const known = late[value.id];
    late[value.id] = known ? commonDominator(known, segment) : segment;
  };
  const rootUse = (value: Value, segment: Segment): void => {
    itemUses.add(value);
    use(value, segment);
    mark(value);
  };

  const visit = (items: readonly Item[]): void => {
    for (const item of items) {
      switch (item.kind) {
        case 'effect':
          if (hasEffect(item.value)) mark(item.value);
          break;
        case 'if':
          rootUse(item.condition, item.segment);
          addSources(item.label, item.label.branches);
          visit(item.whenTrue);
          visit(item.whenFalse);
          break;
        case 'block':
          addSources(item.label, item.label.branches);
          visit(item.body);
          break;
        case 'loop':
          addSources(item.label, [item.entry, ...item.label.branches]);
          visit(item.body);
          break;
        case 'branch':
          break;
        default:
          item satisfies never;
      }
    }
  };
  const addSources = ({ parameters }: Label, branches: readonly Branch[]): void => {
    for (const [index, parameter] of parameters.entries()) sources.set(parameter, { branches, index });
  };
  visit(graph.body);
  if (graph.result) rootUse(graph.result.value, graph.result.segment);

  for (let value = waiting.pop(); value; value = waiting.pop()) {
    for (const input of value.inputs) mark(input);
    const source = sources.get(value);
    for (const { arguments: values, segment } of source?.branches ?? []) {
      const argument = values[source?.index ?? 0];
      if (argument) rootUse(argument, segment);
    }
  }

  // Users have higher numbers, but for arguments of branches, whose place is known.
  live.sort((a, b) => b.id - a.id);
  const forms = formsOf(live, itemUses, options);
  const formOf = (value: Value): Form => forms.get(value) ?? value;
  const places: (Segment | undefined)[] = late;
  const computed = new Map<Segment, Value[]>();
  for (const value of live) {
    // Another form of its users may have made it needless.
    if (!late[value.id] && !value.pinned) continue;
    const place = value.pinned ? value.early : placeOf(value, late[value.id] ?? value.early);
    places[value.id] = place;
    for (const input of formOf(value).inputs) {
      use(input, place, value);
      if (value.op in EXTREMA) use(input, place, value);
    }
    if (value.pinned || isImmediate(value)) continue;
    const neighbours = computed.get(place);
    if (neighbours) neighbours.push(value);
    else computed.set(place, [value]);
  }
  for (const values of computed.values()) values.reverse();
  return { computed, uses, user, segmentOf: (value) => places[value.id] ?? value.early, formOf };
}

/** The last segment outside as many loops as possible. A call is not moved before the place that asks for it. */
function placeOf(value: Value, late: Segment): Segment {
  let best = late;
  for (let segment: Segment | undefined = late; segment && segment !== value.early; ) {
    if (value.op === 'call' && segment === value.asked) break;
    segment = segment.dominator;
    if (segment && segment.loopDepth < best.loopDepth) best = segment;
  }
  return best;
}
