/** The file that `npm run bench -- share` leaves: what it holds, and how it is written without personal data and read. */
import { readFileSync, writeFileSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import { z } from 'zod';
import { SCHEMAS } from '../results.ts';

/** Version of the file's format. */
const VERSION = 1;

const machine = z.object({
  adapter: z.object({
    vendor: z.string(),
    architecture: z.string(),
    device: z.string(),
    description: z.string(),
    subgroupMinSize: z.number().optional(),
    subgroupMaxSize: z.number().optional(),
  }),
  kind: z.string(),
  class: z.string(),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.number()),
  cpu: z.string(),
  platform: z.string(),
  versions: z.record(z.string(), z.string()),
  commit: z.string().nullable(),
});

const tests = z.object({
  passed: z.number(),
  failed: z.number(),
  skipped: z.number(),
  failures: z.array(z.object({ name: z.string(), message: z.string() })),
});

const tuning = z.array(
  z.object({
    key: z.string(),
    untuned: z.string(),
    chosen: z.string(),
    candidates: z.array(
      z.object({ variant: z.string(), result: z.union([z.number().nullable(), z.string()]) }),
    ),
  }),
);

/** The results of each part, in the order in which they run. */
const RESULTS = {
  machine,
  tests,
  tuning,
  counts: SCHEMAS.steps.shape.counts,
  steps: SCHEMAS.steps,
  kernels: SCHEMAS.kernels,
} as const;

export type PartName = keyof typeof RESULTS;
export type PartResult<Name extends PartName> = z.output<(typeof RESULTS)[Name]>;
export const PARTS = Object.keys(RESULTS) as readonly PartName[];

/** A part that ran: its result, or the reason why there is none. */
const partOf = <Result extends z.ZodType>(result: Result) =>
  z.object({ seconds: z.number(), result: result.optional(), problem: z.string().optional() }).optional();

const schema = z.object({
  version: z.literal(VERSION),
  date: z.string(),
  parts: z.object({
    machine: partOf(RESULTS.machine),
    tests: partOf(RESULTS.tests),
    tuning: partOf(RESULTS.tuning),
    counts: partOf(RESULTS.counts),
    steps: partOf(RESULTS.steps),
    kernels: partOf(RESULTS.kernels),
  }),
});

export type SharedResults = z.output<typeof schema>;
export type SharedParts = SharedResults['parts'];

/** The words that tell who ran it or where. */
const personal = (): readonly (readonly [string, string])[] =>
  (
    [
      [process.cwd(), '<repository>'],
      [homedir(), '<home>'],
      [hostname(), '<host>'],
      [userInfo().username, '<user>'],
    ] as const
  ).filter(([word]) => word.length > 1);

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Return a text without user names, host names and paths. */
export function withoutPersonalData(text: string): string {
  let clean = text;
  for (const [word, instead] of personal()) {
    clean = clean.replace(new RegExp(`(?<![\\w-])${escaped(word)}(?![\\w-])`, 'gi'), instead);
  }
  // Other absolute paths: at least two folders deep, on Unix and Windows.
  return clean.replace(/(?<![\w<>.:/])(?:file:\/\/)?(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}/g, '<path>');
}

/** Write the parts to a file. Every text in it is cleaned. */
export function writeShared(path: string, parts: SharedParts): void {
  const date = new Date().toISOString().slice(0, 10);
  const clean = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? withoutPersonalData(value) : value;
  writeFileSync(path, `${JSON.stringify({ version: VERSION, date, parts }, clean, 1)}\n`);
}

/** Read a file. @throws Error if it is not of this benchmark. */
export function readShared(path: string): SharedResults {
  let parsed: ReturnType<typeof schema.safeParse>;
  try {
    parsed = schema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new Error(`${path} cannot be read as JSON: ${String(cause)}`);
  }
  if (parsed.success) return parsed.data;
  throw new Error(`${path} is not a file of npm run bench -- share`);
}
