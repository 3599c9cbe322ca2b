/**
 * The battery that every op goes through, from one row of a table: on random shapes its results and gradients equal
 * the float64 reference, in every kernel variant; finite differences of its f32 results equal the reference's gradient;
 * a tensor used twice collects both gradients; operands made by another op work like leaves. The worst errors go to
 * docs/OPS.md: the run fails if that table lacks the op or promises less error than was measured; with UPDATE_DOCS=1
 * the run rewrites its section.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { add, mul, type Tensor, transpose } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { seeded } from '../../oracle/random.ts';
import {
  type Computation,
  expectOracleDifferences,
  expectSameAsOracle,
  type Operand,
  type WorstErrors,
} from '../againstOracle.ts';

/** One op: a row of docs/OPS.md and what the battery needs to test it. */
export interface OpRow {
  /** As exported by src/tensor/index.ts. */
  readonly name: string;
  readonly dtypes: string;
  /** Random computations: shapes of size 0 and 1, odd ones, off-tile, broadcast, now and then large. */
  readonly cases: fc.Arbitrary<Computation | Computation<Promise<Tensor>>>;
  /** How many are drawn for each variant; 12 unless given. */
  readonly runs?: number;
  /** A small computation (some 20 values an input) for finite differences; left out where there is no gradient. */
  readonly small?: Computation & { readonly eps?: number };
  /** What the table says of the gradient where 'yes' or 'no' does not do. */
  readonly gradient?: string;
}

const DOCUMENT = fileURLToPath(new URL('../../../docs/OPS.md', import.meta.url));
const HEADER = '| op | gradient | dtypes | worst error | worst error of gradients |\n|---|---|---|---|---|';
/** Other drivers round otherwise: so many times the documented error, and two units in the last place. */
const SLACK = 4;
const TWO_UNITS = 2.4e-7;
const allowed = (documented = 0): number => (documented === 0 ? 0 : SLACK * documented + TWO_UNITS);

/** Declares the tests of a family of ops; `family` is the heading of its section in docs/OPS.md. */
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
        await fc.assert(property, { ...seeded, numRuns: row.runs ?? 12 });
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
    const text = readFileSync(DOCUMENT, 'utf8');
    if (process.env.UPDATE_DOCS) writeFileSync(DOCUMENT, withSection(text, family, lines));
    else expectDocumented(text, family, rows, worst);
  });
}

/** f(x)·2 + f(x)·w, with every floating-point operand of rank 2 or more arriving transposed twice. */
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
