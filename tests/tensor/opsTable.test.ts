/** docs/OPS.md is complete: every function that `mathformer/tensor` exports is an op in it, or listed here. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as engine from '../../src/tensor/index.ts';

/** Functions that are not ops: they have tests of their own. */
const NOT_OPS = new Set([
  ...['backward', 'capture', 'checkpoint', 'customGradient', 'enableGrad', 'grad', 'noGrad', 'valueAndGrad'],
  ...['clipGradNorm', 'clipGradValue', 'refuseDivergence'],
  ...['constantWithWarmup', 'cosineWithWarmup', 'linearWithWarmup', 'stepDecayWithWarmup'],
  // On the host: what the kernels are told about rows.
  ...['inverseRows', 'tilesOf'],
]);

const isClass = (value: object): boolean => /^class\b/.test(Function.prototype.toString.call(value));

test('every op is in the table, and nothing else', () => {
  const document = readFileSync(new URL('../../docs/OPS.md', import.meta.url), 'utf8');
  const listed = [...document.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  const exported = Object.entries(engine).flatMap(([name, value]) =>
    typeof value === 'function' && !isClass(value) && !NOT_OPS.has(name) ? [name] : [],
  );
  expect(listed.toSorted()).toEqual(exported.toSorted());
});
