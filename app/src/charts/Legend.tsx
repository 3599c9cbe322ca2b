/** The series of a chart with their values at the cursor, or their latest ones. */
import type { ChartGroup } from './chartGroup.ts';
import { Key } from './Key.tsx';
import { readingAt } from './readout.ts';
import type { ChartMark, ChartSeries } from './series.ts';

export interface LegendProps {
  readonly series: readonly ChartSeries[];
  readonly marks: readonly ChartMark[];
  readonly group: ChartGroup;
  readonly xLabel: string;
  readonly formatY: (value: number) => string;
}

export function Legend({ series, marks, group, xLabel, formatY }: LegendProps) {
  const cursor = group.cursor.value;
  const mark = marks.find(({ x }) => x === cursor);
  return (
    <div class="legend" aria-hidden="true">
      <ul>
        {series.map((one) => (
          <Entry key={one.key} series={one} cursor={cursor} formatY={formatY} />
        ))}
      </ul>
      <span class={mark ? 'place marked' : 'place'}>
        {mark ? mark.label : cursor === undefined ? 'latest' : `${xLabel} ${cursor.toLocaleString('en')}`}
      </span>
    </div>
  );
}

interface EntryProps {
  readonly series: ChartSeries;
  readonly cursor: number | undefined;
  readonly formatY: (value: number) => string;
}

function Entry({ series, cursor, formatY }: EntryProps) {
  const reading = readingAt(series, cursor);
  const [low, high] = reading?.interval ?? [];
  const isElsewhere = series.sparse && reading && cursor !== undefined && reading.x !== cursor;
  return (
    <li>
      <Key style={series.style} marker={series.sparse ?? false} />
      <span class="name" title={series.label}>
        {series.label}
      </span>
      <span class="value">{formatY(reading?.y ?? Number.NaN)}</span>
      {low !== undefined && high !== undefined && (
        <span class="interval">
          {formatY(low)} – {formatY(high)}
        </span>
      )}
      {isElsewhere && <span class="interval">at {reading.x.toLocaleString('en')}</span>}
    </li>
  );
}
