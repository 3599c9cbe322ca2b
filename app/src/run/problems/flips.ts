/** Held-out problems before and after: which answers turned right, which turned wrong. */
import { type CompletionRow, type Improvement, improvementOf, isCorrect } from 'mathformer/training';

/** The course of a problem from one evaluation to another. */
export const FLIPS = ['to right', 'to wrong', 'stayed right', 'stayed wrong'] as const;
export type Flip = (typeof FLIPS)[number];

/** A problem that both evaluations have. */
export interface PairedProblem {
  /** Position in the first evaluation. */
  readonly index: number;
  readonly expression: string;
  readonly expected: string;
  readonly before: CompletionRow;
  readonly after: CompletionRow;
  readonly flip: Flip;
}

/** Pair the answers of two evaluations to the same problems. A problem that only one of them has is left out. */
export function paired(before: readonly CompletionRow[], after: readonly CompletionRow[]): PairedProblem[] {
  const later = new Map<string, CompletionRow[]>();
  for (const row of after) {
    const those = later.get(row.expression);
    if (those) those.push(row);
    else later.set(row.expression, [row]);
  }
  return before.flatMap((row, index) => {
    // A problem may occur more than once; its occurrences are paired in order.
    const match = later.get(row.expression)?.shift();
    if (!match) return [];
    const { expression, expected } = row;
    const flip = flipOf(isCorrect(row), isCorrect(match));
    return [{ index, expression, expected, before: row, after: match, flip }];
  });
}

function flipOf(before: boolean, after: boolean): Flip {
  if (before) return after ? 'stayed right' : 'to wrong';
  return after ? 'to right' : 'stayed wrong';
}

/** The number of problems of each flip. */
export type FlipCounts = Readonly<Record<Flip, number>>;

export function flipCounts(problems: readonly Pick<PairedProblem, 'flip'>[]): FlipCounts {
  const counts: Record<Flip, number> = { 'to right': 0, 'to wrong': 0, 'stayed right': 0, 'stayed wrong': 0 };
  for (const { flip } of problems) counts[flip]++;
  return counts;
}

/** Compare both evaluations on the problems that both have; undefined without any. */
export function comparison(problems: readonly PairedProblem[]): Improvement | undefined {
  if (problems.length === 0) return undefined;
  const verdicts = (side: 'before' | 'after'): boolean[] =>
    problems.map((problem) => isCorrect(problem[side]));
  return improvementOf(verdicts('before'), verdicts('after'));
}

/** Fields of a held-out problem that describe its kind, such as `depth`; values are shown as text. */
export type ProblemKinds = ReadonlyMap<string, string>;

/** Read the kinds of problems in `evaluation.jsonl` by their expression. Fields that hold anything but short values are left out. */
export function kindsOf(rows: readonly unknown[]): Map<string, ProblemKinds> {
  const kinds = new Map<string, ProblemKinds>();
  for (const row of rows) {
    if (typeof row !== 'object' || row === null || !('expression' in row)) continue;
    const { expression, ...fields } = row;
    if (typeof expression !== 'string') continue;
    const described = Object.entries(fields).flatMap(([name, value]) => {
      const text = NOT_KINDS.has(name) ? undefined : shortText(value);
      return text === undefined ? [] : [[name, text] as const];
    });
    kinds.set(expression, new Map(described));
  }
  return kinds;
}

const NOT_KINDS = new Set(['id', 'answer']);
/** Kinds with more values than these do not group anything. */
const MOST_VALUES = 12;

function shortText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
    return String(value);
  const isList =
    Array.isArray(value) && value.every((each) => typeof each === 'string' || typeof each === 'number');
  return isList ? value.join(' ') : undefined;
}

/** The flips of the problems of one kind. */
export interface KindCounts {
  readonly value: string;
  readonly counts: FlipCounts;
}

/** Count flips by each field that groups the problems: one with 2 to 12 values. */
export function countsByKind(
  problems: readonly PairedProblem[],
  kinds: ReadonlyMap<string, ProblemKinds>,
): { readonly name: string; readonly values: readonly KindCounts[] }[] {
  const names = new Set([...kinds.values()].flatMap((fields) => [...fields.keys()]));
  return [...names].flatMap((name) => {
    const members = new Map<string, PairedProblem[]>();
    for (const problem of problems) {
      const value = kinds.get(problem.expression)?.get(name);
      if (value === undefined) continue;
      const those = members.get(value);
      if (those) those.push(problem);
      else members.set(value, [problem]);
    }
    if (members.size < 2 || members.size > MOST_VALUES) return [];
    const values = [...members].map(([value, those]) => ({ value, counts: flipCounts(those) }));
    return [{ name, values: values.sort((a, b) => byText.compare(a.value, b.value)) }];
  });
}

const byText = new Intl.Collator('en', { numeric: true });
