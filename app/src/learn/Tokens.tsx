/** Tokens in a row, each on a ground of its own; they can be chosen. */
import type { Rgb } from '../charts/palette.ts';
import { css, inkOn } from '../charts/palette.ts';
import { visibleToken } from '../ui/visibleText.ts';

export interface TokensProps {
  /** Says what the tokens are, for screen readers. */
  readonly label: string;
  readonly texts: readonly string[];
  /** The ground of a token; undefined for none. */
  readonly ground?: ((index: number) => Rgb | undefined) | undefined;
  /** The value of a token, in words. */
  readonly describe?: ((index: number) => string) | undefined;
  readonly chosen?: number | undefined;
  /** Makes the tokens buttons. */
  readonly onChoose?: ((index: number) => void) | undefined;
}

export function Tokens({ label, texts, ground, describe, chosen, onChoose }: TokensProps) {
  return (
    <ol class="tokens" aria-label={label}>
      {texts.map((text, index) => {
        const colour = ground?.(index);
        const style = colour && { backgroundColor: css(colour), color: css(inkOn(colour)) };
        const value = describe?.(index);
        const shown = visibleToken(text);
        const key = `${index} ${text}`;
        if (!onChoose) {
          return (
            <li key={key} class="token" style={style} title={value}>
              {shown}
              {value && <span class="visually-hidden"> {value}</span>}
            </li>
          );
        }
        return (
          <li key={key}>
            <button
              type="button"
              class="token"
              style={style}
              title={value}
              aria-pressed={index === chosen}
              onClick={() => onChoose(index)}
            >
              {shown}
              {value && <span class="visually-hidden"> {value}</span>}
            </button>
          </li>
        );
      })}
    </ol>
  );
}
