/** A chart of series over steps: zoom, a cursor that the keyboard moves, a table behind it, export. */
import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { IconButton } from '../ui/Button.tsx';
import { formatNumber, formatPercent } from '../ui/format.ts';
import { ChartTable } from './ChartTable.tsx';
import { ChartGroup, type Range } from './chartGroup.ts';
import { saveCsv, savePng } from './exportChart.ts';
import { Legend } from './Legend.tsx';
import './lineChart.css';
import { Plot } from './Plot.tsx';
import type { ChartMark, ChartSeries } from './series.ts';

export interface LineChartProps {
  readonly title: string;
  /** One line about the quantity. */
  readonly help?: ComponentChildren;
  readonly unit?: string | undefined;
  readonly series: readonly ChartSeries[];
  readonly marks?: readonly ChartMark[] | undefined;
  /** The x of all charts of a page; default: the series' own. */
  readonly domain?: Range | undefined;
  /** Links the cursor and the zoom with those of other charts. */
  readonly group?: ChartGroup | undefined;
  /** Values are shares, shown in percent. */
  readonly share?: boolean | undefined;
  /** Weight of the past in smoothing, 0 … 1; 0 smooths nothing. */
  readonly smoothing?: number | undefined;
  /** Name of x. */
  readonly xLabel?: string | undefined;
  /** A click, or Enter, on a step. */
  readonly onSelect?: ((x: number) => void) | undefined;
}

const NO_MARKS: readonly ChartMark[] = [];

export function LineChart(props: LineChartProps) {
  const {
    title,
    help,
    unit,
    series,
    marks = NO_MARKS,
    share = false,
    smoothing = 0,
    xLabel = 'step',
  } = props;
  const [ownGroup] = useState(() => new ChartGroup());
  const group = props.group ?? ownGroup;
  const logarithmic = useSignal(false);
  const table = useSignal(false);
  const canvas = useRef<HTMLCanvasElement | undefined>(undefined);
  const formatY = share ? formatPercent : formatNumber;
  const content = { title, unit, series, xLabel };
  return (
    <figure class="chart" aria-label={title}>
      <figcaption>
        <span class="title">
          {title} {unit && <span class="unit">{unit}</span>}
        </span>
        <span class="tools no-print">
          {group.zoom.value && (
            <IconButton
              small
              icon="fit"
              label="Show all steps"
              onClick={() => {
                group.zoom.value = undefined;
              }}
            />
          )}
          <Toggle icon="log" label="Logarithmic scale" state={logarithmic} />
          <Toggle icon="table" label="Table of values" state={table} />
          <IconButton small icon="download" label="Save values as CSV" onClick={() => saveCsv(content)} />
          <IconButton
            small
            icon="image"
            label="Save picture as PNG"
            disabled={table.value}
            onClick={() => savePng(canvas.current, content)}
          />
        </span>
      </figcaption>
      {help && <p class="help">{help}</p>}
      <Legend series={series} marks={marks} group={group} formatY={formatY} xLabel={xLabel} />
      {table.value ? (
        <ChartTable label={title} series={series} xLabel={xLabel} formatY={formatY} group={group} />
      ) : (
        <Plot
          {...{ title, series, marks, group, share, smoothing, xLabel, formatY, canvas }}
          logarithmic={logarithmic.value}
          domain={props.domain}
          onSelect={props.onSelect}
        />
      )}
    </figure>
  );
}

interface ToggleProps {
  readonly icon: 'log' | 'table';
  readonly label: string;
  readonly state: Signal<boolean>;
}

function Toggle({ icon, label, state }: ToggleProps) {
  return (
    <IconButton
      small
      icon={icon}
      label={label}
      pressed={state.value}
      onClick={() => {
        state.value = !state.value;
      }}
    />
  );
}
