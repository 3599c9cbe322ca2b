/** docs/OPS.md is complete: it lists every function that `mathformer/tensor` exports, except known non-ops. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as engine from '../../src/tensor/index.ts';
import { isOp } from './exportedOps.ts';

test('every op is in the table, and nothing else', () => {
  const document = readFileSync(new URL('../../docs/OPS.md', import.meta.url), 'utf8');
  const listed = [...document.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(listed.toSorted()).toEqual(Object.keys(engine).filter(isOp).toSorted());
});
