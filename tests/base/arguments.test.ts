/** Names and types of options: an error names the function, and suggests the intended option. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  boolean,
  expectKind,
  expectOptions,
  integer,
  listOf,
  oneOf,
  real,
  realOrInfinite,
} from '../../src/base/arguments.ts';

interface Options {
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
  readonly mode?: 'a' | 'b';
}
const KINDS = { axes: listOf(integer(), 'axes'), keepDims: boolean, mode: oneOf(['a', 'b']) };
const check = (options: unknown) => () => expectOptions<Options>('f', options as Options, KINDS);

describe('options', () => {
  test.each([
    [{ axis: 0 }, /^f: there is no option 'axis'; did you mean 'axes'\?/],
    [{ dim: 0 }, /did you mean 'axes'\?/],
    [{ keepdim: true }, /did you mean 'keepDims'\?/],
    [{ keep_dims: true }, /write 'keepDims'/],
    [{ keepDim: true }, /did you mean 'keepDims'\?/],
    [{ zebra: 1 }, /there is no option 'zebra'; it takes axes, keepDims, mode$/],
    [1, /^f: the options are 1, not an object; write \{ axes: \[1\] \}$/],
    [[0, 1], /write \{ axes: \[0, 1\] \}/],
    ['x', /the options are "x", not an object; give an object of axes, keepDims, mode/],
    [null, /the options are null/],
    [{ axes: 1 }, /^f: axes is 1; give a list of axes, such as \[0, 1\]$/],
    [{ axes: ['0'] }, /axes is \["0"\]/],
    [{ keepDims: 1 }, /keepDims is 1; give true or false/],
    [{ mode: 'c' }, /mode is "c"; give 'a' or 'b'/],
  ])('%j is refused', (options, message) => {
    expect(check(options)).toThrow(message);
  });

  test.each([[{}], [{ axes: [0] }], [{ keepDims: undefined, mode: 'b' }]])('%j is taken', (options) => {
    expect(check(options)).not.toThrow();
  });
});

describe('numbers', () => {
  const refuses = (kind: Parameters<typeof expectKind>[3], value: unknown): string | undefined => {
    try {
      expectKind('f', 'x', value, kind);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : 'no error';
    }
  };

  test('what is in the range is taken, and nothing else', () => {
    const range = { min: 0, max: 1, belowMax: true };
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const fits = value >= 0 && value < 1;
        expect(refuses(real(range), value) === undefined).toBe(fits);
      }),
    );
    for (const value of [Number.NaN, '0', null, 1n, [0]])
      expect(refuses(real(range), value)).toMatch(/^f: x is /);
  });

  test('the range is named', () => {
    expect(refuses(real({ min: 0, max: 1, belowMax: true }), 1)).toBe(
      'f: x is 1; give a finite number of at least 0 and below 1',
    );
    expect(refuses(real({ min: 0, aboveMin: true }), 0)).toBe('f: x is 0; give a finite number above 0');
    expect(refuses(integer(1), 1.5)).toBe('f: x is 1.5; give an integer of at least 1');
    expect(refuses(integer(0, 9), 10)).toBe('f: x is 10; give an integer from 0 to 9');
  });

  test('infinity is a number where it is asked for', () => {
    expect(refuses(realOrInfinite({ min: 0 }), Number.POSITIVE_INFINITY)).toBeUndefined();
    expect(refuses(realOrInfinite({ min: 0 }), Number.NaN)).toMatch(/NaN/);
    expect(refuses(real(), Number.POSITIVE_INFINITY)).toMatch(/Infinity/);
  });
});
