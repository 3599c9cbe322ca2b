/** A printed error contains its fix exactly once. */
import { expect, test } from 'vitest';
import { GpuError, MathformerError, problemOf, ShapeError } from '../../src/base/errors.ts';
import { failureText } from '../../src/cli/failure.ts';
import { CheckpointError } from '../../src/formats/error.ts';
import { ModelConfigError } from '../../src/model/modelConfigError.ts';

const FIX = 'give less of it';
const details = { code: 'TOO_MUCH', where: 'here', fix: FIX };

test.each([
  [new MathformerError('too much', details)],
  [new GpuError('too much', details)],
  [new ShapeError('add', 'too much', FIX)],
  [new ModelConfigError('config.json', 'too much', FIX)],
  [new CheckpointError('BAD_CONFIG', 'a.pt', 'too much', FIX)],
  [new MathformerError(new MathformerError('too much', details).message, details)],
])('%s', (error) => {
  const times = (text: string): number => text.split(FIX).length - 1;
  expect(String(error)).toMatch(/too much; give less of it$/);
  expect(times(String(error))).toBe(1);
  expect(failureText(error)).toMatch(/too much — give less of it$/);
  expect(times(failureText(error))).toBe(1);
  expect(problemOf(error)).toMatch(/too much$/);
});
