/** Reading JSON that may be none. */
import { isRecord } from './arguments.ts';

/** Return the JSON object of a text; undefined for any other text. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
