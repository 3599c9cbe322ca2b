/** The text of docs/OPS.md. Tests in a page have it in their bundle instead. */
import { readFileSync, writeFileSync } from 'node:fs';

const DOCUMENT = new URL('../../../docs/OPS.md', import.meta.url);

export const readDocument = (): string => readFileSync(DOCUMENT, 'utf8');

export const writeDocument = (text: string): void => writeFileSync(DOCUMENT, text);
