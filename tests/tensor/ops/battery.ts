/**
 * The tests that every op passes, from one row of a table. On random shapes, results and gradients equal the float64
 * reference, in every kernel variant; finite differences of f32 results equal the reference's gradient; a tensor used twice
 * accumulates both gradients; operands made by another op work like leaves. docs/OPS.md lists the largest errors: the run
 * fails if the op is missing there, or if an error exceeds the listed one. With UPDATE_DOCS=1 it rewrites the section.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { add, mul, type Tensor, transpose } from '../../../src/tensor/index.ts';
import { openDevice, randomCases, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { seeded } from '../../oracle/random.ts';
import {
  type Computation,
  expectOracleDifferences,
  expectSameAsOracle,
  type Operand,
  type WorstErrors,
} from '../againstOracle.ts';
import { readDocument, writeDocument } from './document.ts';

/** One op: a row of docs/OPS.md and what the battery needs to test it. */
export interface OpRow {
  /** Name in src/tensor/index.ts. */
  readonly name: string;
  readonly dtypes: string;
  /** Random computations: sizes 0 and 1, odd, off-tile, broadcast, sometimes large. */
  readonly cases: fc.Arbitrary<Computation | Computation<Promise<Tensor>>>;
  /** Number of computations for each variant. Default: 12. */
  readonly runs?: number;
  /** A small computation (some 20 values per input) for finite differences. Absent if there is no gradient. */
  readonly small?: Computation & { readonly eps?: number };
  /** The table's entry on the gradient, if it is more than 'yes' or 'no'. */
  readonly gradient?: string;
}

const HEADER = '| op | gradient | dtypes | worst error | worst error of gradients |\n|---|---|---|---|---|';
/** Factor of the documented error that is allowed, plus two units in the last place, since drivers round differently. */
const SLACK = 4;
const TWO_UNITS = 2.4e-7;
const allowed = (documented = 0): number => (documented === 0 ? 0 : SLACK * documented + TWO_UNITS);

/** Declare the tests of a family of ops. `family` is the heading of its section in docs/OPS.md. */
export function describeOps(family: string, rows: readonly OpRow[]): void {
  const worst = new Map<string, WorstErrors>(rows.map(({ name }) => [name, { result: 0, gradient: 0 }]));

  describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
    let device: Device;
    beforeAll(async () => {
      device = await openDevice({ portableKernels });
    });
    afterAll(() => device.destroy());

    describe.each(rows)('$name', (row) => {
      const errors = worst.get(row.name);

      test('equals the reference on random shapes', async () => {
        const property = fc.asyncProperty(row.cases, (computation) =>
          expectSameAsOracle(device, { ...computation, ...(errors ? { worst: errors } : {}) }),
        );
        await fc.assert(property, { ...seeded, numRuns: randomCases(row.runs ?? 12) });
      });

      const { small } = row;
      if (!small) return;

      test('finite differences', () => expectOracleDifferences(device, small));

      test('used twice in one graph, on operands made by an op', () =>
        expectSameAsOracle(device, usedTwice(small)));
    });
  });

  test(`docs/OPS.md, ${family}`, () => {
    const lines = rows.map((row) => line(row, worst.get(row.name)));
    const text = readDocument();
    if (process.env.UPDATE_DOCS) writeDocument(withSection(text, family, lines));
    else expectDocumented(text, family, rows, worst);
  });
}

/** Return f(x)·2 + f(x)·w, with every floating-point operand of rank 2 or more transposed twice. */
function usedTwice(computation: Computation): Computation {
  const remade = (x: Tensor): Tensor =>
    x.dtype === 'f32' && x.shape.length >= 2 ? transpose(transpose(x)) : x;
  return {
    ...computation,
    gpu: (inputs) =>
      listOf(computation.gpu(inputs.map(remade))).map((y, i) =>
        y.dtype === 'f32' ? add(mul(y, 2), listOf(computation.gpu(inputs))[i] as Tensor) : y,
      ),
    oracle: (inputs) =>
      listOf(computation.oracle(inputs)).map((y, i) =>
        y.requiresGrad
          ? oracle.add(oracle.mul(y, 2), listOf(computation.oracle(inputs))[i] as oracle.Array64)
          : y,
      ),
  };
}

const listOf = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

const show = (error: number): string => (error === 0 ? '0' : error.toExponential(0));

const gradientOf = (row: OpRow): string => row.gradient ?? (row.small ? 'yes' : 'no');

function line(row: OpRow, errors: WorstErrors = { result: 0, gradient: 0 }): string {
  const gradient = gradientOf(row) === 'no' ? '' : show(errors.gradient);
  return `| \`${row.name}\` | ${gradientOf(row)} | ${row.dtypes} | ${show(errors.result)} | ${gradient} |`;
}

function withSection(text: string, family: string, lines: readonly string[]): string {
  const section = `## ${family}\n\n${HEADER}\n${lines.join('\n')}\n`;
  const sections = text.split(/^(?=## )/m);
  const at = sections.findIndex((each) => each.startsWith(`## ${family}\n`));
  if (at < 0) return `${text.trimEnd()}\n\n${section}`;
  const last = at === sections.length - 1;
  return sections.map((each, i) => (i === at ? section + (last ? '' : '\n') : each)).join('');
}

function expectDocumented(
  text: string,
  family: string,
  rows: readonly OpRow[],
  worst: ReadonlyMap<string, WorstErrors>,
): void {
  const section = text.split(/^## /m).find((each) => each.startsWith(`${family}\n`)) ?? '';
  const documented = new Map(
    [...section.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$/gm)].map((match) => [
      match[1] as string,
      { gradient: match[2], dtypes: match[3], result: Number(match[4]), gradientError: Number(match[5]) },
    ]),
  );
  const fix = 'run the op tests with UPDATE_DOCS=1';
  expect([...documented.keys()], `the ops of '${family}' in docs/OPS.md: ${fix}`).toEqual(
    rows.map(({ name }) => name),
  );
  for (const row of rows) {
    const said = documented.get(row.name);
    const measured = worst.get(row.name) ?? { result: 0, gradient: 0 };
    expect({ gradient: said?.gradient, dtypes: said?.dtypes }, `${row.name} in docs/OPS.md: ${fix}`).toEqual({
      gradient: gradientOf(row),
      dtypes: row.dtypes,
    });
    expect(measured.result, `error of ${row.name}: ${fix}`).toBeLessThanOrEqual(allowed(said?.result));
    expect(measured.gradient, `error of the gradient of ${row.name}: ${fix}`).toBeLessThanOrEqual(
      allowed(said?.gradientError),
    );
  }
}

/** A computation of one operand. */
export function unaryCase(
  x: Operand,
  gpu: (x: Tensor) => Tensor,
  reference: (x: oracle.Array64) => oracle.Array64,
): Computation {
  return {
    inputs: [x],
    gpu: ([a]) => gpu(a as Tensor),
    oracle: ([a]) => reference(a as oracle.Array64),
  };
}
