/** `config.json` as text, checked against the options of one kind of model. */
import { z } from 'zod';
import type { ModelConfigs } from '../../model/architectures/index.ts';
import { type ModelShape, validateConfigOf } from '../../model/config.ts';
import { ModelConfigError } from '../../model/modelConfigError.ts';
import { CheckpointError, quoted } from '../error.ts';

/** Name of the file, also the place of errors about it. */
export const CONFIG_FILE = 'config.json';

const MAX_JSON = 1_000_000;
/** The vocabularies of large models. */
const MAX_OTHER_JSON = 100_000_000;
const MAX_SHOWN = 60;

/** Accepts what turns an option off. */
export const off = z.literal([null, false, 0]).default(null);

/** Ids of the tokens that transformers treats specially. */
export interface SpecialTokens {
  /** Begins all prompts; undefined if nothing does. */
  readonly bos: number | undefined;
  /** Ends completions; also used for padding, which has no token of its own here. */
  readonly eos: number;
}

/** The fields by which transformers knows the special tokens. */
export function specialTokenIds({ bos, eos }: SpecialTokens): object {
  return { ...(bos === undefined ? {} : { bos_token_id: bos }), eos_token_id: eos, pad_token_id: eos };
}

/** Parses a text. @throws CheckpointError if it is no JSON. */
export function parseJson(json: string, file = CONFIG_FILE): unknown {
  const fix = 'copy or download the directory again';
  if (json.length > (file === CONFIG_FILE ? MAX_JSON : MAX_OTHER_JSON)) {
    throw new CheckpointError('BAD_CONFIG', file, `it has ${json.length} characters`, fix);
  }
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CheckpointError('BAD_CONFIG', file, `${quoted(json)} is not JSON`, fix, { cause });
  }
}

/** The options of a config. @throws CheckpointError naming the option that has no counterpart here. */
export function parseOptions<Options>(schema: z.ZodType<Options>, candidate: unknown): Options {
  const parsed = schema.safeParse(candidate);
  if (parsed.success) return parsed.data;
  throw refusalOf(parsed.error.issues[0], candidate);
}

function refusalOf(issue: z.core.$ZodIssue | undefined, candidate: unknown): CheckpointError {
  const path = issue?.path ?? [];
  const surplus = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const at = [...path, ...surplus];
  if (at.length === 0) {
    const problem = 'it is no JSON object';
    return new CheckpointError('BAD_CONFIG', CONFIG_FILE, problem, 'give the config.json of a model');
  }
  const value = at.reduce<unknown>(
    (at, key) => (at as Readonly<Record<PropertyKey, unknown>>)[key],
    candidate,
  );
  const given = value === undefined ? 'is missing' : `is ${shown(value)}`;
  const problem = `${at.join('.')} ${given}`;
  const unsupported = (fix: string): CheckpointError =>
    new CheckpointError('UNSUPPORTED', CONFIG_FILE, problem, fix);
  if (surplus.length > 0) return unsupported('give a model without it: it is not supported');
  if (issue?.code !== 'invalid_value') {
    const fix = `correct it (${issue?.message ?? 'invalid'})`;
    return new CheckpointError('BAD_CONFIG', CONFIG_FILE, problem, fix);
  }
  const accepted = issue.values.map((each) => JSON.stringify(each)).join(' or ');
  return unsupported(`give a model where it is ${accepted}: no other is supported`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/**
 * The fields as a config of this architecture. `keys` are the names of fields in the file, for messages.
 * @throws CheckpointError for sizes that no model has.
 */
export function checkedConfig<Shape extends ModelShape>(
  architecture: Shape,
  fields: object,
  keys: Readonly<Record<string, string>> = {},
): ModelConfigs[Shape] {
  const named = new Map(Object.entries(keys));
  const byKeys = (text: string): string => text.replace(/\w+/g, (word) => named.get(word) ?? word);
  try {
    return validateConfigOf(architecture, { architecture, ...fields }, CONFIG_FILE);
  } catch (cause) {
    if (!(cause instanceof ModelConfigError)) throw cause;
    const [problem, fix] = [byKeys(cause.problem), byKeys(cause.fix)];
    throw new CheckpointError('BAD_CONFIG', CONFIG_FILE, problem, fix, { cause });
  }
}
