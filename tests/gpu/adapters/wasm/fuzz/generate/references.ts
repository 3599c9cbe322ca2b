/** References to places of a type. */

import {
  type Expression,
  isConstant,
  type Reference,
  type Type,
  U32,
  type ValueType,
  type Variable,
  value,
} from '../program.ts';
import type { Entry, Scope } from './scope.ts';

/** Steps from a variable to a part of it. */
type Step =
  | { readonly kind: 'index'; readonly type: Type }
  | { readonly kind: 'member'; readonly member: number; readonly type: Type }
  | { readonly kind: 'component'; readonly component: number; readonly type: Type };

/** Return the ways from a type to its parts for which `wanted` holds. */
function ways(type: Type, wanted: (part: Type) => boolean): Step[][] {
  const found: Step[][] = wanted(type) ? [[]] : [];
  const through = (step: Step): void => {
    for (const rest of ways(step.type, wanted)) found.push([step, ...rest]);
  };
  if (type.kind === 'array') through({ kind: 'index', type: type.of });
  if (type.kind === 'struct')
    type.members.forEach((member, i) => {
      through({ kind: 'member', member: i, type: member.type });
    });
  if (type.kind === 'value' && type.size > 1) {
    const scalar = value(type.of);
    for (let component = 0; component < type.size; component++)
      through({ kind: 'component', component, type: scalar });
    through({ kind: 'index', type: scalar });
  }
  return found;
}

/** The purpose of a reference. */
export interface Purpose {
  readonly writes: boolean;
  /** True if it has to be the same in all invocations of a workgroup. */
  readonly uniform?: boolean;
  /** True if nothing is read but a length, which all invocations may ask for. */
  readonly whole?: boolean;
  /** Variables that may be meant. */
  readonly among?: (entry: Entry) => boolean;
  /** Makes an index of any value. */
  readonly index: (type: ValueType) => Expression;
}

/** Return a reference to a place whose type fits, if there is one. */
export function reference(
  scope: Scope,
  fits: (type: Type) => boolean,
  purpose: Purpose,
): Reference | undefined {
  const { choices } = scope;
  const { writes, uniform = false, whole = false, among = () => true } = purpose;
  const candidates = scope.entries().flatMap((entry) => {
    const allowed = among(entry) && (!uniform || isUniform(entry));
    if (!allowed || scope.reach(entry, writes) === 'none') return [];
    const own = scope.reach(entry, writes) === 'own' && !whole;
    const found = ways(entry.variable.type, fits).filter(([first]) => !own || first?.kind === 'index');
    return found.length === 0 ? [] : [{ entry, found }];
  });
  if (candidates.length === 0) return undefined;
  const { entry, found } = choices.pick(candidates);
  return follow(scope, entry, choices.pick(found), purpose);
}

const isUniform = ({ variable: { space }, uniform }: Entry): boolean =>
  uniform || space === 'const' || space === 'uniform' || space === 'read';

function follow(scope: Scope, entry: Entry, steps: readonly Step[], purpose: Purpose): Reference {
  const { variable } = entry;
  const own = scope.reach(entry, purpose.writes) === 'own';
  let base: Reference = { kind: 'variable', variable, type: variable.type };
  for (const step of steps) {
    const { type } = step;
    if (step.kind === 'index') {
      const index: Expression =
        own && base.kind === 'variable'
          ? ownIndex(scope, variable, purpose)
          : anyIndex(scope, base.type, variable, purpose);
      base = { kind: 'index', base, index, type };
    } else base = { ...step, base, type };
  }
  return base;
}

/** Return the value of a variable. */
export const read = (variable: Variable): Expression => ({
  kind: 'read',
  from: { kind: 'variable', variable, type: variable.type },
  type: variable.type,
});

/** Return an integer literal. */
export const literal = (of: number, type: ValueType = U32): Expression => ({
  kind: 'literal',
  value: of,
  type,
});

/** Return the index of one of the invocation's own elements. */
function ownIndex(scope: Scope, variable: Variable, { index }: Purpose): Expression {
  const number = scope.ownIndexOf(variable);
  const { slots } = scope.world.shared.get(variable) ?? { slots: 1 };
  if (!number) throw new ReferenceError(`no invocation number for ${variable.name}`);
  if (slots === 1) return read(number);
  const slot: Expression = scope.choices.bool()
    ? literal(scope.choices.integer(0, slots - 1))
    : { kind: 'binary', operator: '%', left: index(U32), right: literal(slots), type: U32 };
  return slotIndex(number, slots, slot);
}

/** Return number · slots + slot. */
function slotIndex(number: Variable, slots: number, slot: Expression): Expression {
  const left: Expression = {
    kind: 'binary',
    operator: '*',
    left: read(number),
    right: literal(slots),
    type: U32,
  };
  return { kind: 'binary', operator: '+', left, right: slot, type: U32 };
}

/** Return a reference to one of the elements of a shared array that belong to invocation `number`. */
export function ownElement(
  variable: Variable,
  type: Type,
  number: Variable,
  slots: number,
  slot: Expression,
): Reference {
  const base: Reference = { kind: 'variable', variable, type: variable.type };
  return { kind: 'index', base, index: slotIndex(number, slots, slot), type };
}

/** Return an index that may be out of range, unless it is constant. */
function anyIndex({ choices, world }: Scope, of: Type, variable: Variable, { index }: Purpose): Expression {
  const type = world.inRange || choices.bool() ? U32 : value('i32');
  const length = of.kind === 'value' ? of.size : of.kind === 'array' ? (of.length ?? 1) : 1;
  const inRange = literal(choices.integer(0, length - 1), type);
  if (variable.space === 'const' || choices.bool(0.4)) return inRange;
  const made = index(type);
  if (isConstant(made)) return inRange;
  return world.inRange || choices.bool(0.6)
    ? { kind: 'binary', operator: '%', left: made, right: literal(length, type), type }
    : made;
}
