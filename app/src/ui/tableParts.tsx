/** Heads and rows that all tables share. */

import type { Column, Sort } from './columns.ts';
import { Icon } from './Icon.tsx';

export interface TableProps<Row> {
  /** Says what the table holds, for screen readers. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string | number;
  readonly sort?: Sort | undefined;
  /** Makes the headers of columns with a `sortValue` buttons. */
  readonly onSort?: ((sort: Sort) => void) | undefined;
  /** Makes rows selectable, by click, Enter and the arrow keys. */
  readonly onSelect?: ((row: Row) => void) | undefined;
  readonly isSelected?: ((row: Row) => boolean) | undefined;
  /** A class for a row, such as one that is flagged. */
  readonly rowClass?: ((row: Row) => string | undefined) | undefined;
  /** `data-testid` of the tbody. */
  readonly testid?: string | undefined;
}

export interface TableHeadProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly sort: Sort | undefined;
  readonly onSort: ((sort: Sort) => void) | undefined;
}

export function TableHead<Row>({ columns, sort, onSort }: TableHeadProps<Row>) {
  return (
    <thead>
      <tr>
        {columns.map((column) => (
          <th
            key={column.key}
            scope="col"
            class={column.numeric ? 'number' : undefined}
            aria-sort={ariaSort(column.key, sort)}
          >
            {column.sortValue && onSort ? (
              <SortButton column={column} sort={sort} onSort={onSort} />
            ) : (
              column.header
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface SortButtonProps<Row> {
  readonly column: Column<Row>;
  readonly sort: Sort | undefined;
  readonly onSort: (sort: Sort) => void;
}

function SortButton<Row>({ column: { key, header }, sort, onSort }: SortButtonProps<Row>) {
  const isSorted = sort?.key === key;
  const descending = isSorted && !sort.descending;
  return (
    <button type="button" class="sort" onClick={() => onSort({ key, descending })}>
      <span>{header}</span>
      <span class={isSorted ? 'arrow' : 'arrow hidden'}>
        <Icon name={isSorted && sort.descending ? 'down' : 'up'} />
      </span>
    </button>
  );
}

function ariaSort(key: string, sort: Sort | undefined): 'ascending' | 'descending' | undefined {
  if (sort?.key !== key) return undefined;
  return sort.descending ? 'descending' : 'ascending';
}

export interface TableRowProps<Row>
  extends Pick<TableProps<Row>, 'columns' | 'onSelect' | 'isSelected' | 'rowClass'> {
  readonly row: Row;
  /** Position among all rows, from 1, where not all are in the page. */
  readonly index?: number;
}

/** A row. A selectable one takes the focus, and the arrow keys move it. */
export function TableRow<Row>({ row, index, columns, onSelect, isSelected, rowClass }: TableRowProps<Row>) {
  const selected = isSelected?.(row) ?? false;
  const keys = (event: KeyboardEvent & { readonly currentTarget: HTMLTableRowElement }): void => {
    if (event.target !== event.currentTarget) return;
    if (event.key === 'Enter' || event.key === ' ') onSelect?.(row);
    else if (!moveFocus(event.currentTarget, event.key)) return;
    event.preventDefault();
  };
  return (
    <tr
      class={rowClass?.(row)}
      aria-rowindex={index}
      aria-selected={onSelect ? selected : undefined}
      tabIndex={onSelect ? 0 : undefined}
      onClick={onSelect && (() => onSelect(row))}
      onKeyDown={onSelect && keys}
    >
      {columns.map((column) => {
        const style = column.numeric ? 'number' : undefined;
        return column.rowHeader ? (
          <th key={column.key} scope="row" class={style}>
            {column.cell(row)}
          </th>
        ) : (
          <td key={column.key} class={style}>
            {column.cell(row)}
          </td>
        );
      })}
    </tr>
  );
}

/** Move the focus to a neighbour. @returns whether the key moves. */
function moveFocus(row: HTMLTableRowElement, key: string): boolean {
  const rows = row.parentElement?.children;
  const targets: Readonly<Record<string, Element | null | undefined>> = {
    ArrowDown: row.nextElementSibling,
    ArrowUp: row.previousElementSibling,
    Home: rows?.item(0),
    End: rows?.item(rows.length - 1),
  };
  if (!(key in targets)) return false;
  const target = targets[key];
  if (target instanceof HTMLElement) target.focus();
  return true;
}
