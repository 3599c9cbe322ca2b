/** Make Markdown tables, and insert them in a document. */

/** Return a table as Markdown. */
export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * Return the document with the text between each `<!-- results:NAME -->` and `<!-- end -->` replaced.
 * @throws Error if a place has no text, or a text has no place.
 */
export function filled(document: string, texts: ReadonlyMap<string, string>): string {
  const missing = new Set(texts.keys());
  const result = document.replace(
    /<!-- results:(?<name>[\w-]+) -->[\s\S]*?<!-- end -->/g,
    (_, name: string) => {
      const text = texts.get(name);
      if (text === undefined) throw new Error(`there are no results called ${name}`);
      missing.delete(name);
      return `<!-- results:${name} -->\n${text}\n<!-- end -->`;
    },
  );
  if (missing.size > 0) throw new Error(`the document has no place for ${[...missing].join(', ')}`);
  return result;
}
