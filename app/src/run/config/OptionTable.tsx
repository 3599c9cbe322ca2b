/** The options of a run by name, those that differ from their default first. */
import { navigate } from '../../shell/navigation.ts';
import type { RunRoute } from '../../shell/routes.ts';
import { Badge } from '../../ui/Badge.tsx';
import type { Column } from '../../ui/columns.ts';
import { SwitchField, TextField } from '../../ui/fields.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Table } from '../../ui/Table.tsx';
import { visibleText } from '../../ui/visibleText.ts';
import { isTelling, type OptionRow, type Origin, shownOption } from './optionRows.ts';

const ORIGINS: Readonly<Record<Origin, string>> = {
  given: 'given',
  default: 'default',
  derived: 'derived',
  command: 'of the command',
};

export function OptionTable({
  rows,
  route,
}: {
  readonly rows: readonly OptionRow[];
  readonly route: RunRoute;
}) {
  const { view } = route;
  const isAll = view.options === 'all';
  const search = (view.search ?? '').toLowerCase();
  const change = (changes: Readonly<Record<string, string>>): void =>
    navigate({ ...route, view: { ...view, ...changes } }, { replace: true });
  const shown = rows.filter(
    (row) =>
      // A search looks at all of them.
      (isAll || search !== '' || isTelling(row)) &&
      [row.key, row.flag, row.help].some((text) => text.toLowerCase().includes(search)),
  );
  const given = rows.filter(({ origin }) => origin === 'given').length;
  return (
    <Panel title="Options" note={`${given} of ${rows.length} differ from their default.`} flush>
      <div class="option-tools">
        <TextField
          label="Text in names and help"
          value={view.search ?? ''}
          onInput={(text) => change({ search: text })}
        />
        <SwitchField
          label="All options"
          value={isAll}
          onInput={(value) => change({ options: value ? 'all' : '' })}
        />
      </div>
      <Table
        label="Options of the run"
        columns={COLUMNS}
        rows={shown}
        rowKey={({ section, key }) => `${section} ${key}`}
        rowClass={({ origin }) => (origin === 'given' ? 'option given' : 'option')}
      />
    </Panel>
  );
}

const COLUMNS: readonly Column<OptionRow>[] = [
  {
    key: 'flag',
    header: 'Option',
    rowHeader: true,
    cell: ({ section, flag }) => (
      <code>
        {section !== null && <span class="quiet">{section} </span>}
        {flag}
      </code>
    ),
  },
  {
    key: 'value',
    header: 'Value',
    cell: ({ value }) => <code class="value">{visibleText(shownOption(value))}</code>,
  },
  {
    key: 'default',
    header: 'Default',
    cell: (row) => (
      <code class="quiet">{row.default === undefined ? '–' : visibleText(shownOption(row.default))}</code>
    ),
  },
  {
    key: 'origin',
    header: 'Origin',
    cell: ({ origin }) => <Badge tone={origin === 'given' ? 'info' : 'neutral'}>{ORIGINS[origin]}</Badge>,
  },
  { key: 'help', header: 'Help', cell: ({ help }) => <span class="option-help">{help}</span> },
];
