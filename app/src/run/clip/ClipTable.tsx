/** The values behind the picture of clipping. */
import type { StepTrace } from 'mathformer/training';
import { useState } from 'preact/hooks';
import type { Column, Sort } from '../../ui/columns.ts';
import { formatNumber } from '../../ui/format.ts';
import { VirtualTable } from '../../ui/VirtualTable.tsx';
import { visibleText, visibleToken } from '../../ui/visibleText.ts';
import type { ClipPoint } from './clipPoints.ts';

export function ClipTable({
  trace,
  points,
}: {
  readonly trace: StepTrace;
  readonly points: readonly ClipPoint[];
}) {
  const [sort, setSort] = useState<Sort>({ key: 'logRatio', descending: true });
  const columns: readonly Column<ClipPoint>[] = [
    {
      key: 'problem',
      header: 'Problem',
      cell: ({ group }) => <code>{visibleText(trace.groups[group]?.expression.trim() ?? '')}</code>,
      sortValue: ({ group }) => group,
    },
    { key: 'completion', header: 'Completion', numeric: true, cell: ({ completion }) => completion + 1 },
    {
      key: 'token',
      header: 'Token',
      rowHeader: true,
      cell: ({ group, completion, token }) => {
        const text = trace.groups[group]?.completions[completion]?.texts[token];
        return text === undefined ? 'all' : <code>{visibleToken(text)}</code>;
      },
    },
    {
      key: 'logRatio',
      header: 'log r',
      numeric: true,
      cell: ({ logRatio }) => formatNumber(logRatio),
      sortValue: ({ logRatio }) => logRatio,
    },
    { key: 'ratio', header: 'r', numeric: true, cell: ({ logRatio }) => formatNumber(Math.exp(logRatio), 5) },
    {
      key: 'advantage',
      header: 'Advantage',
      numeric: true,
      cell: ({ advantage }) => formatNumber(advantage),
      sortValue: ({ advantage }) => advantage,
    },
    {
      key: 'side',
      header: 'Clipped',
      cell: ({ side }) => side ?? 'no',
      sortValue: ({ side }) => side,
    },
  ];
  return (
    <VirtualTable
      label="Ratio and advantage of each token"
      columns={columns}
      rows={points}
      rowKey={({ group, completion, token }) => `${group} ${completion} ${token}`}
      sort={sort}
      onSort={setSort}
      height="30rem"
    />
  );
}
