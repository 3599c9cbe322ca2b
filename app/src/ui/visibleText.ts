/** Texts of models with every character visible, so that no text hides a part of itself or of the page. */

/** Characters without a shape: controls, marks of direction, joiners, line and paragraph separators, lone surrogates. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Control pictures of Unicode begin here. */
const PICTURES = 0x2400;
const DELETE_PICTURE = '\u2421';

/** Return a text with shapes for characters that have none. Spaces stay. */
export const visibleText = (text: string): string => text.replace(HIDDEN, shapeOf);

function shapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\n') return '↵';
  if (code < 0x20) return String.fromCodePoint(PICTURES + code);
  return code === 0x7f ? DELETE_PICTURE : `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** Return a token's text; one that is nothing but spaces gets a shape, too. */
export function visibleToken(text: string): string {
  if (text === '') return '∅';
  return /^ +$/.test(text) ? '·'.repeat(text.length) : visibleText(text);
}
