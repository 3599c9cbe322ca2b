/** Comma-separated values (RFC 4180). */

/** A value of a cell; undefined and NaN are empty. */
export type CsvValue = string | number | undefined;

/** Write rows as CSV. */
export const csvText = (rows: readonly (readonly CsvValue[])[]): string =>
  rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');

function csvField(value: CsvValue): string {
  if (value === undefined || Number.isNaN(value)) return '';
  if (typeof value === 'number') return String(value);
  // A name that begins like a formula must not become one in a spreadsheet.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
