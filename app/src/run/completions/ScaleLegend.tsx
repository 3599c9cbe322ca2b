/** The levels of the scale, each with its value. */
import { formatNumber } from '../../ui/format.ts';
import { legendOf, MEASURE_ROWS, type Measure, type Scale } from './tokenMeasures.ts';

export function ScaleLegend({ measure, scale }: { readonly measure: Measure; readonly scale: Scale }) {
  const { formula, help } = MEASURE_ROWS[measure];
  const levels = legendOf(scale);
  return (
    <figure class="scale-legend">
      <figcaption>
        <span class="mono">{formula}</span> <span class="quiet">{help}</span>
      </figcaption>
      <ul aria-label={`Scale of ${formula}`}>
        {levels.map(({ level, value }, i) => (
          <li key={level}>
            <span class="token mono" data-level={level}>
              {formatNumber(value, 2)}
              {i === levels.length - 1 && '+'}
            </span>
          </li>
        ))}
      </ul>
    </figure>
  );
}
