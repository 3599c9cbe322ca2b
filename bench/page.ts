/** Self-contained HTML pages. */
import type { Table } from './tables.ts';

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function htmlTable({ heading, rows, left }: Table): string {
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((text, i) => `<${tag}${i < left ? ' class="text"' : ''}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  return `<table>\n${row('th', heading)}\n${rows.map((cells) => row('td', cells)).join('\n')}\n</table>`;
}

export interface Section {
  readonly title: string;
  /** HTML text. */
  readonly body: string;
}

export function page(title: string, sections: readonly Section[]): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>
body { font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 1100px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.6rem; text-align: right; border-bottom: 1px solid #ddd; }
th.text, td.text { text-align: left; }
p { max-width: 50rem; }
</style>
<h1>${escapeHtml(title)}</h1>
${sections.map((section) => `<h2>${escapeHtml(section.title)}</h2>\n${section.body}`).join('\n')}
</html>
`;
}
