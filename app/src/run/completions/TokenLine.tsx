/** The tokens of a completion, each with the level of its value as a colour and an underline. */
import { useState } from 'preact/hooks';
import { Button } from '../../ui/Button.tsx';
import { formatNumber } from '../../ui/format.ts';
import { visibleToken } from '../../ui/visibleText.ts';
import { levelOf, type Scale } from './tokenMeasures.ts';

/** Longer completions are folded to this number of tokens. */
const FOLDED = 160;

export interface TokenLineProps {
  /** Names the completion, for screen readers. */
  readonly label: string;
  readonly texts: readonly string[];
  readonly values: Float64Array;
  readonly scale: Scale;
  /** The token that the readout shows; −1 without one. */
  readonly chosen: number;
  readonly onChoose: (token: number) => void;
}

export function TokenLine({ label, texts, values, scale, chosen, onChoose }: TokenLineProps) {
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? texts : texts.slice(0, FOLDED);
  const keys = (event: KeyboardEvent): void => {
    const to = targetOf(event.key, chosen, shown.length);
    if (to === undefined) return;
    event.preventDefault();
    onChoose(to);
  };
  return (
    <div class="token-line">
      <div
        class="tokens mono"
        role="listbox"
        aria-orientation="horizontal"
        aria-label={label}
        tabIndex={0}
        aria-activedescendant={chosen >= 0 ? tokenId(label, chosen) : undefined}
        onKeyDown={keys}
        onFocus={() => chosen < 0 && onChoose(0)}
      >
        {shown.map((text, t) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the list takes the keys and the focus
          <span
            key={t}
            id={tokenId(label, t)}
            class="token"
            role="option"
            aria-selected={t === chosen}
            aria-label={`${visibleToken(text)}, ${formatNumber(values[t])}`}
            data-level={levelOf(values[t] ?? Number.NaN, scale)}
            onPointerEnter={() => onChoose(t)}
            onClick={() => onChoose(t)}
          >
            {visibleToken(text)}
          </span>
        ))}
      </div>
      {texts.length > FOLDED && (
        <Button kind="quiet" small expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Fold' : `Show all ${texts.length} tokens`}
        </Button>
      )}
    </div>
  );
}

const tokenId = (label: string, token: number): string => `${label.replaceAll(/\W+/g, '-')}-${token}`;

/** Return the token that a key goes to; undefined for a key that moves nothing. */
function targetOf(key: string, from: number, count: number): number | undefined {
  const targets: Readonly<Record<string, number>> = {
    ArrowRight: from + 1,
    ArrowLeft: from - 1,
    Home: 0,
    End: count - 1,
  };
  const target = targets[key];
  return target === undefined ? undefined : Math.min(Math.max(target, 0), count - 1);
}
