import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenize } from '../../../../../../src/gpu/adapters/wasm/wgsl/syntax/tokens.ts';

const token = fc.constantFrom('fn', 'x_1', 'Δx', '12u', '0x1F', '1.5e-3f', '<<=', '->', '&&', '{', ';', '@');
const LINE_BREAKS = ['\n', '\r\n', '\r', '\v', '\f', '\u0085', '\u2028', '\u2029'];
const blank = fc.constantFrom(
  ' ',
  '\t',
  '  ',
  '/* a */',
  '/* é /* b */ */',
  ...LINE_BREAKS,
  '// c\n',
  '/*\r\n*/',
);

describe('tokens', () => {
  it('have their lines and columns, whatever stands between them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(token, fc.array(blank, { minLength: 1 }))), (parts) => {
        const before = parts.map((_, i) =>
          parts
            .slice(0, i)
            .map(([text, blanks]) => text + blanks.join(''))
            .join(''),
        );
        const expected = parts.map(([text], i) => {
          const lines = (before[i] ?? '').split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/);
          return { text, line: lines.length, column: (lines.at(-1) ?? '').length + 1 };
        });
        const source = parts.map(([text, blanks]) => text + blanks.join('')).join('');
        const found = tokenize(source).slice(0, -1);
        expect(found.map(({ text, line, column }) => ({ text, line, column }))).toEqual(expected);
      }),
    );
  });

  it('end with one of kind end', () => {
    expect(tokenize('a\n ')).toEqual([
      { kind: 'name', text: 'a', line: 1, column: 1 },
      { kind: 'end', text: '', line: 2, column: 2 },
    ]);
  });

  it.each([
    ['a # b', 1, 3, 'no token begins with #'],
    ['a\n/* b /* c */', 2, 1, 'this comment has no end'],
  ])('%j is refused', (source, line, column, reason) => {
    expect(() => tokenize(source)).toThrow(
      expect.objectContaining({ line, column, reason: expect.stringContaining(reason) }),
    );
  });
});
