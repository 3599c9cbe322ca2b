/** Programs with an edited token: most are no valid WGSL. Each is compiled, or refused with a line and a reason. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileKernel } from '../../../../../src/gpu/adapters/wasm/emit/index.ts';
import { checkShader, WgslError } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { brokenTexts } from './arbitrary.ts';
import { openDawn } from './judges.ts';
import { refusals } from './onDevice.ts';
import { KINDS } from './property.ts';

const SEED = 20261128;

/** Compile a text. Return the error that refuses it. */
function errorOf(text: string): WgslError | undefined {
  try {
    compileKernel(checkShader(text));
    return undefined;
  } catch (error) {
    if (error instanceof WgslError) return error;
    throw error;
  }
}

/** Reasons that are not WGSL's: parts of it that this compiler lacks, and what WebGPU refuses when it makes a pipeline. */
const REFUSED_HERE =
  /not supported|only @group\(0\) is|no entry point|has the binding|a size of a workgroup is|does not have$/;

it('are compiled, or refused with a place in the text', () => {
  let refused = 0;
  fc.assert(
    fc.property(brokenTexts(KINDS.barriers), (text) => {
      const error = errorOf(text);
      if (!error) return;
      refused++;
      const { line, column, reason } = error;
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(text.split('\n').length);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(reason).not.toBe('');
    }),
    { seed: SEED, numRuns: 300 },
  );
  expect(refused).toBeGreaterThan(100);
});

describe('Dawn', async () => {
  const device = await openDawn();

  it.skipIf(!device).each(['plain', 'barriers'] as const)('refuses the same ones: %s', async (kind) => {
    if (!device) return;
    for (const text of fc.sample(brokenTexts(KINDS[kind]), { seed: SEED, numRuns: 150 })) {
      const error = errorOf(text);
      if (error && REFUSED_HERE.test(error.reason)) continue;
      const [refusal] = await refusals(device, text);
      expect(
        error === undefined,
        `${error?.message ?? 'accepted'}; Dawn: ${refusal ?? 'accepted'}\n${text}`,
      ).toBe(refusal === undefined);
    }
  });
});
