/** Saves files that the page made. */

/** Time that a browser has to begin to save, before the file's address ends. */
const BEGUN_MS = 60_000;

/** Let the person save a file. */
export function saveFile(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), BEGUN_MS);
}
