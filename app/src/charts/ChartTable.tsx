/** The values behind a chart as a table. */
import { useMemo } from 'preact/hooks';
import type { Column } from '../ui/columns.ts';
import { VirtualTable } from '../ui/VirtualTable.tsx';
import type { ChartGroup } from './chartGroup.ts';
import { nearest } from './decimate.ts';
import type { ChartSeries } from './series.ts';
import { type ValueRow, valueRows } from './valueRows.ts';

export interface ChartTableProps {
  readonly label: string;
  readonly series: readonly ChartSeries[];
  readonly xLabel: string;
  readonly formatY: (value: number) => string;
  readonly group: ChartGroup;
}

export function ChartTable({ label, series, xLabel, formatY, group }: ChartTableProps) {
  const rows = useMemo(() => valueRows(series), [series]);
  const columns: readonly Column<ValueRow>[] = [
    { key: 'x', header: xLabel, numeric: true, rowHeader: true, cell: ({ x }) => x.toLocaleString('en') },
    ...series.map((one, i) => ({
      key: one.key,
      header: one.label,
      numeric: true,
      cell: ({ values }: ValueRow) => formatY(values[i] ?? Number.NaN),
    })),
  ];
  const cursor = group.cursor.value;
  const places = useMemo(() => Float64Array.from(rows, ({ x }) => x), [rows]);
  const chosen = cursor === undefined ? undefined : places[nearest(places, cursor)];
  return (
    <VirtualTable
      label={`Values of ${label}`}
      columns={columns}
      rows={rows}
      rowKey={({ x }) => x}
      height="180px"
      scrollTo={chosen}
      isSelected={({ x }) => x === chosen}
      onSelect={({ x }) => {
        group.cursor.value = x;
      }}
    />
  );
}
