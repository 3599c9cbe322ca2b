/** The completions of a group of the latest step, with their rewards and advantages. */
import type { TracedCompletion, TracedGroup } from 'mathformer/training';
import { useState } from 'preact/hooks';
import { Badge } from '../ui/Badge.tsx';
import { Button } from '../ui/Button.tsx';
import type { Column } from '../ui/columns.ts';
import { formatNumber, formatSigned } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { Table } from '../ui/Table.tsx';
import { lab } from './labRun.ts';

interface Row extends TracedCompletion {
  readonly index: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { key: 'index', header: '#', cell: ({ index }) => String(index + 1), numeric: true },
  {
    key: 'text',
    header: 'Completion',
    cell: ({ texts }) => <code class="completion">{texts.join('')}</code>,
    rowHeader: true,
  },
  {
    key: 'verdict',
    header: 'Verdict',
    cell: ({ correct, finished }) => (
      <Badge tone={correct ? 'good' : 'bad'}>{correct ? 'right' : finished ? 'wrong' : 'cut off'}</Badge>
    ),
  },
  { key: 'reward', header: 'Reward', cell: ({ reward }) => formatNumber(reward), numeric: true },
  { key: 'advantage', header: 'Advantage', cell: ({ advantage }) => formatSigned(advantage), numeric: true },
  {
    key: 'logp',
    header: 'Log-probability',
    cell: ({ oldLogp }) => formatNumber(oldLogp.reduce((a, b) => a + b, 0)),
    numeric: true,
  },
];

export function Completions() {
  const [chosen, setChosen] = useState(0);
  const trace = lab.trace.value;
  const groups = trace?.groups ?? [];
  const group = groups[chosen] ?? groups[0];
  return (
    <Panel
      title="The group that it learns from"
      note={
        group
          ? `Step ${trace?.step}: ${group.completions.length} attempts at one problem. Attempts better than the group’s mean become more likely, the others less.`
          : 'Attempts at one problem, each with its reward, and its advantage over the others.'
      }
      flush
      actions={
        groups.length > 1 &&
        groups.map((each, i) => (
          <Button key={i} small kind="quiet" pressed={each === group} onClick={() => setChosen(i)}>
            {each.expression}
          </Button>
        ))
      }
    >
      {group && <Problem group={group} />}
      <Table
        label="Completions"
        columns={COLUMNS}
        rows={(group?.completions ?? []).map((completion, index) => ({ ...completion, index }))}
        rowKey={({ index }) => index}
        testid="completions"
      />
    </Panel>
  );
}

function Problem({ group }: { readonly group: TracedGroup }) {
  const right = group.completions.filter(({ correct }) => correct).length;
  return (
    <p class="problem">
      <code>{group.expression}</code> <span class="quiet">expects</span> <code>{group.expected}</code>{' '}
      <span class="quiet">
        {right} of {group.completions.length} right
      </span>
    </p>
  );
}
