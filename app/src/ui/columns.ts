/** Columns of tables, and the order of rows. */
import type { ComponentChildren } from 'preact';

/** A column of a table. */
export interface Column<Row> {
  readonly key: string;
  readonly header: ComponentChildren;
  readonly cell: (row: Row) => ComponentChildren;
  /** Set numbers flush right. */
  readonly numeric?: boolean | undefined;
  /** The cell names the row, for screen readers. */
  readonly rowHeader?: boolean | undefined;
  /** Rows can be sorted by this value; NaN and null come last. */
  readonly sortValue?: ((row: Row) => number | string | null) | undefined;
}

/** The column by which rows are sorted. */
export interface Sort {
  readonly key: string;
  readonly descending: boolean;
}

/** Return the rows in the order of a column; as they are without one. */
export function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: Sort | undefined,
): readonly Row[] {
  const sortValue = columns.find(({ key }) => key === sort?.key)?.sortValue;
  if (!sort || !sortValue) return rows;
  const sign = sort.descending ? -1 : 1;
  return rows.toSorted((a, b) => compareValues(sortValue(a), sortValue(b), sign));
}

const isMissing = (value: number | string | null): boolean => value === null || Number.isNaN(value);

/** Compare values for sorting: missing ones come last in either direction. @param sign −1 for descending. */
export function compareValues(a: number | string | null, b: number | string | null, sign: number): number {
  if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b));
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
  return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
}
