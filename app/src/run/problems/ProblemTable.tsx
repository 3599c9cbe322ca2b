/** The table of held-out problems; the chosen one's completions stand below it. */
import { useState } from 'preact/hooks';
import { formatRoute, type RunRef, runRoute } from '../../shell/routes.ts';
import type { Column, Sort } from '../../ui/columns.ts';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { VirtualTable } from '../../ui/VirtualTable.tsx';
import { visibleText } from '../../ui/visibleText.ts';
import { Answer, AnswerPair, FlipBadge } from '../heldOut/AnswerPair.tsx';
import type { Pair } from '../heldOut/HeldOutPair.tsx';
import { FLIPS, type PairedProblem } from './flips.ts';

export interface ProblemTableProps {
  readonly run: RunRef;
  readonly pair: Pair;
  /** The number of the problem, from 1, as the address has it. */
  readonly chosen: string;
  readonly onChoose: (problem: string) => void;
}

export function ProblemTable({ run, pair, chosen, onChoose }: ProblemTableProps) {
  const { problems, before, after } = pair;
  const [sort, setSort] = useState<Sort>({ key: 'flip', descending: false });
  if (problems.length === 0) {
    return (
      <div class="problem-filter">
        <EmptyState title="No problem matches the filter." />
      </div>
    );
  }
  const open = problems.find(({ index }) => String(index + 1) === chosen);
  return (
    <>
      <VirtualTable
        label="Held-out problems and both answers"
        columns={columnsOf(before, after)}
        rows={problems}
        rowKey={({ index }) => index}
        sort={sort}
        onSort={setSort}
        onSelect={({ index }) => onChoose(String(index + 1))}
        isSelected={(problem) => problem === open}
        scrollTo={open?.index}
        height="min(26rem, 60vh)"
      />
      {open && (
        <div class="open-problem">
          <AnswerPair problem={open} before={before} after={after} />
          <p>
            <a
              href={formatRoute(
                runRoute(run, 'completions', { view: { of: 'held-out', search: open.expression } }),
              )}
            >
              This problem in Completions
            </a>
          </p>
        </div>
      )}
    </>
  );
}

const columnsOf = (before: string, after: string): readonly Column<PairedProblem>[] => [
  {
    key: 'index',
    header: 'No.',
    numeric: true,
    cell: ({ index }) => index + 1,
    sortValue: ({ index }) => index,
  },
  {
    key: 'expression',
    header: 'Problem',
    rowHeader: true,
    cell: ({ expression }) => <code>{visibleText(expression.trim())}</code>,
    sortValue: ({ expression }) => expression.trim(),
  },
  { key: 'expected', header: 'Expected', cell: ({ expected }) => <code>{visibleText(expected)}</code> },
  { key: 'before', header: `Answer, ${before}`, cell: (problem) => <Answer row={problem.before} /> },
  { key: 'after', header: `Answer, ${after}`, cell: (problem) => <Answer row={problem.after} /> },
  {
    key: 'flip',
    header: 'Change',
    cell: ({ flip }) => <FlipBadge flip={flip} />,
    sortValue: ({ flip }) => FLIPS.indexOf(flip),
  },
];
