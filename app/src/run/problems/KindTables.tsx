/** Changes of answers by kind of problem, such as its depth. */
import { EVALUATION_FILE } from 'mathformer/training';
import { useMemo } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { useFile } from '../../data/useFile.ts';
import type { Column } from '../../ui/columns.ts';
import { Details } from '../../ui/Details.tsx';
import { formatPercent } from '../../ui/format.ts';
import { Table } from '../../ui/Table.tsx';
import { countsByKind, type FlipCounts, type KindCounts, kindsOf, type PairedProblem } from './flips.ts';

/** Read the lines that are JSON; a torn one is left out. */
function linesOf(bytes: Uint8Array): readonly unknown[] {
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}

export function KindTables({
  run,
  problems,
}: {
  readonly run: RunData;
  readonly problems: readonly PairedProblem[];
}) {
  const file = useFile(run, EVALUATION_FILE, linesOf);
  const rows = file.state === 'ready' ? file.value : undefined;
  const kinds = useMemo(() => countsByKind(problems, kindsOf(rows ?? [])), [problems, rows]);
  if (kinds.length === 0) return null;
  return (
    <Details summary="By kind of problem">
      <div class="columns">
        {kinds.map(({ name, values }) => (
          <Table
            key={name}
            label={`Changes by ${name}`}
            columns={columnsOf(name)}
            rows={values}
            rowKey={({ value }) => value}
          />
        ))}
      </div>
    </Details>
  );
}

const totalOf = (counts: FlipCounts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

const columnsOf = (name: string): readonly Column<KindCounts>[] => [
  { key: 'value', header: name, rowHeader: true, cell: ({ value }) => value },
  { key: 'total', header: 'Problems', numeric: true, cell: ({ counts }) => totalOf(counts) },
  {
    key: 'before',
    header: 'Before',
    numeric: true,
    cell: ({ counts }) => formatPercent((counts['stayed right'] + counts['to wrong']) / totalOf(counts)),
  },
  {
    key: 'after',
    header: 'After',
    numeric: true,
    cell: ({ counts }) => formatPercent((counts['stayed right'] + counts['to right']) / totalOf(counts)),
  },
  { key: 'right', header: 'To right', numeric: true, cell: ({ counts }) => counts['to right'] },
  { key: 'wrong', header: 'To wrong', numeric: true, cell: ({ counts }) => counts['to wrong'] },
];
