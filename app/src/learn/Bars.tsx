/** Horizontal bars: the probabilities of tokens, of one distribution or of two. */
import { visibleToken } from '../ui/visibleText.ts';

export interface Bar {
  readonly id: number;
  readonly text: string;
  /** 0 … 1 */
  readonly value: number;
  /** A second value in the same row, such as the one before. */
  readonly other?: number | undefined;
}

export interface BarsProps {
  readonly label: string;
  readonly bars: readonly Bar[];
  /** Names of the two values, where there are two. */
  readonly names?: readonly [value: string, other: string] | undefined;
  /** Makes the rows buttons. */
  readonly onChoose?: ((bar: Bar) => void) | undefined;
}

export function Bars({ label, bars, names, onChoose }: BarsProps) {
  return (
    <figure class="bars" aria-label={label}>
      {names && (
        <figcaption class="bar-names">
          <span class="bar-name value">{names[0]}</span>
          <span class="bar-name other">{names[1]}</span>
        </figcaption>
      )}
      <ol>
        {bars.map((bar) => (
          <li key={bar.id}>
            {onChoose ? (
              <button type="button" class="bar" onClick={() => onChoose(bar)}>
                <BarContent bar={bar} />
              </button>
            ) : (
              <div class="bar">
                <BarContent bar={bar} />
              </div>
            )}
          </li>
        ))}
      </ol>
    </figure>
  );
}

function BarContent({ bar: { text, value, other } }: { readonly bar: Bar }) {
  return (
    <>
      <code>{visibleToken(text)}</code>
      <span class="lanes" aria-hidden="true">
        <span class="lane value" style={{ width: `${100 * value}%` }} />
        {other !== undefined && <span class="lane other" style={{ width: `${100 * other}%` }} />}
      </span>
      <span class="number">
        {percent(value)}
        {other !== undefined && <span class="quiet"> {percent(other)}</span>}
      </span>
    </>
  );
}

/** Write a share. */
export const percent = (share: number): string =>
  share > 0 && share < 0.001 ? '< 0.1 %' : `${(100 * share).toFixed(1)} %`;
