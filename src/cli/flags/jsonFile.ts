/** Reads JSON files that people write: with any byte order mark, and without keys that hide others. */
import { readFileSync } from 'node:fs';
import { type JSONVisitor, visit } from 'jsonc-parser';
import { isRecord, shownValue } from '../../base/arguments.ts';
import { BadOptionError } from '../../base/options.ts';
import { printable } from '../../formats/error.ts';
import { withFileErrors } from '../../runs/fileError.ts';

/** Byte order marks, with the encoding that each announces. */
const MARKS = [
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
] as const;

/**
 * The object in a JSON file of UTF-8, or of UTF-16 with a byte order mark.
 * @param flag names the file in errors.
 * @throws BadOptionError for what is no JSON object or has a key twice; FileError if it cannot be read.
 */
export function readJsonObject(flag: string, path: string): Record<string, unknown> {
  const text = decoded(
    flag,
    path,
    withFileErrors(path, () => readFileSync(path)),
  );
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    const message = printable(cause instanceof Error ? cause.message : String(cause));
    throw new BadOptionError(flag, `${path}: it is no JSON: ${message}`, 'correct the file');
  }
  if (!isRecord(document)) {
    throw new BadOptionError(flag, `${path}: it is no JSON object`, 'give an object of options');
  }
  const twice = repeatedKey(text);
  if (twice === undefined) return document;
  throw new BadOptionError(flag, `${path}: the key ${shownValue(twice)} occurs twice`, 'remove one of them');
}

function decoded(flag: string, path: string, bytes: Uint8Array): string {
  const mark = MARKS.find(({ bytes: start }) => start.every((byte, i) => bytes[i] === byte));
  const encoding = mark?.encoding ?? 'utf-8';
  try {
    // A decoder leaves out the byte order mark.
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new BadOptionError(flag, `${path}: it is not ${encoding.toUpperCase()}`, 'save it as UTF-8');
  }
}

/** The first key that one object of a valid JSON text has twice; JSON.parse would take the last value without a word. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let twice: string | undefined;
  const visitor: JSONVisitor = {
    onObjectBegin: () => {
      open.push(new Set());
    },
    onObjectProperty: (key) => {
      const keys = open.at(-1);
      if (keys?.has(key)) twice ??= key;
      keys?.add(key);
    },
    onObjectEnd: () => {
      open.pop();
    },
  };
  visit(text, visitor);
  return twice;
}
