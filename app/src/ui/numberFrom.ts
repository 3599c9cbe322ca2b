/** Reads a number that a person types. */

/** Bounds of a number; `undefined` is no bound. */
export interface NumberRule {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly integer?: boolean | undefined;
  /** Nothing typed is a value, too: null. */
  readonly optional?: boolean | undefined;
}

/** A number, or the fault of the text with its fix. */
export type NumberResult =
  | { readonly value: number | null; readonly error?: undefined }
  | { readonly error: string };

/** Read a number, such as `3e-4`. A comma stands for a point. */
export function numberFrom(text: string, rule: NumberRule): NumberResult {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, integer = false } = rule;
  const trimmed = text.trim().replace(',', '.');
  if (trimmed === '' && rule.optional) return { value: null };
  const value = Number(trimmed);
  if (trimmed === '' || !Number.isFinite(value)) return { error: `give a number, such as ${example(rule)}` };
  if (integer && !Number.isInteger(value)) return { error: 'give a whole number' };
  if (value < min) return { error: `give at least ${min}` };
  if (value > max) return { error: `give at most ${max}` };
  return { value };
}

function example({ min = 0, max = Number.POSITIVE_INFINITY, integer = false }: NumberRule): string {
  const usual = integer ? 10 : 0.001;
  return String(Math.min(max, Math.max(min, usual)));
}
