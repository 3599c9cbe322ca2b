/** A table. */
import { sorted } from './columns.ts';
import './table.css';
import { TableHead, type TableProps, TableRow } from './tableParts.tsx';

export function Table<Row>(props: TableProps<Row>) {
  const { label, columns, rows, rowKey, sort, testid } = props;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a table that scrolls has to be reachable from the keyboard
    <section class="table-scroll" tabIndex={0} aria-label={label}>
      <table class="table" aria-label={label}>
        <TableHead columns={columns} sort={sort} onSort={props.onSort} />
        <tbody data-testid={testid}>
          {sorted(rows, columns, sort).map((row) => (
            <TableRow key={rowKey(row)} row={row} {...props} />
          ))}
        </tbody>
      </table>
    </section>
  );
}
