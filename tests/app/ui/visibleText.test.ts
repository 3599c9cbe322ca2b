/** Texts of models with every character visible. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { visibleText, visibleToken } from '../../../app/src/ui/visibleText.ts';

test.each([
  ['1 + 2', '1 + 2'],
  ['a\nb\tc', 'a↵b␉c'],
  ['\u202Eevil', '⟨U+202E⟩evil'],
  ['\u0000\u007f\ud800', '␀␡⟨U+D800⟩'],
  ['<script>', '<script>'],
])('%j', (text, shown) => {
  expect(visibleText(text)).toBe(shown);
});

test('no text has a hidden character left, and a text without one stays', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = visibleText(text);
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
      expect(visibleText(shown)).toBe(shown);
    }),
  );
});

test('a token of spaces and a token of nothing can be seen', () => {
  expect(['', ' ', '  ', ' a'].map(visibleToken)).toEqual(['∅', '·', '··', ' a']);
});
