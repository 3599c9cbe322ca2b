/** The JSON files of the suites in bench/results/<adapter>/: write, read and check them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const list = <Item extends z.ZodType>(item: Item) => z.array(item).readonly();
const pair = z.tuple([z.number(), z.number()]).readonly();
const spread = { median: z.number(), quartiles: pair };
const ceilings = z.object({ P: z.number(), W: z.number(), t0: z.number() });

const kernels = z.object({
  adapter: z.string(),
  ceilings,
  results: list(
    z.object({
      kernel: z.string(),
      shape: z.string(),
      flops: z.number(),
      bytes: z.number(),
      dispatches: z.number(),
      ...spread,
      efficiency: z.number(),
      gpu: z.number().nullable().default(null),
      gpuEfficiency: z.number().nullable().default(null),
    }),
  ),
});

const stepTimes = z.object({
  ...spread,
  tokensPerSecond: z.number(),
  dispatches: z.number(),
  cpu: z.number().nullable(),
});

const stepCounts = list(
  z.object({
    name: z.string(),
    adapter: z.number(),
    gpu: z.number(),
    withoutSubgroups: z.number(),
    limit: z.number().nullable(),
  }),
);

const steps = z.object({
  adapter: z.string(),
  ceilings,
  steps: list(
    z.object({
      name: z.string(),
      rounds: z.number(),
      tokens: z.number(),
      eager: stepTimes.nullable(),
      replayed: stepTimes,
      efficiency: z.number(),
      flopEfficiency: z.number().nullable(),
      gpu: z.number().nullable(),
      kernels: list(
        z.object({
          kernel: z.string(),
          dispatches: z.number(),
          gpu: z.number().nullable(),
          bound: z.number(),
        }),
      ),
    }),
  ),
  counts: stepCounts.default([]),
});

const replay = list(
  z.object({ name: z.string(), dispatches: z.number(), eager: z.number(), replayed: z.number() }),
);

const growth = list(
  z.object({
    axis: z.enum(['batch', 'length', 'width', 'layers']),
    sizes: list(z.number()),
    times: list(z.number()),
    exponent: z.number(),
  }),
);

/** Some figures are not known: JSON has no NaN. */
const known = z.number().nullable();

const workers = list(
  z.object({
    name: z.string(),
    local: z.number(),
    unattended: z.number(),
    share: z.number(),
    rolloutSeconds: z.number(),
    points: list(
      z.object({
        workers: z.number(),
        seconds: z.number(),
        tokensPerSecond: z.number(),
        bound: z.number(),
        policySecondsP50: known,
        policySecondsP99: known,
        bytes: z.number(),
        wireBytes: z.number(),
        idleShare: z.number(),
      }),
    ),
  }),
);

const swarm = z.object({
  workers: z.number(),
  processes: z.number(),
  jobs: z.number(),
  prompts: z.number(),
  tokensPerSecond: z.number(),
  slow: z.number(),
  abandoned: z.number(),
  items: z.number(),
  ownItems: z.number(),
  wrong: z.number(),
  redelivered: z.number(),
  hedged: z.number(),
  duplicate: z.number(),
  rejected: z.number(),
  givenUp: z.number(),
  seconds: z.number(),
  serverBytes: known,
  serverCpuSeconds: known,
  trainerBytes: z.number(),
  trainerCpuSeconds: z.number(),
  delayP50: z.number(),
  delayP99: z.number(),
});

const endurance = list(
  z.object({
    items: z.number(),
    trainerHeap: z.number(),
    trainerBytes: z.number(),
    deviceBytes: z.number(),
    workerBytes: known,
  }),
);

const startup = z.object({ warm: z.number(), cold: z.number() });

/** Schema of the file in which benny saves a comparison. */
const comparison = z.object({
  name: z.string(),
  results: list(z.object({ name: z.string(), ops: z.number(), margin: z.number() })),
});

export type ComparisonResults = z.output<typeof comparison>;

export const SCHEMAS = { kernels, replay, steps, growth, startup, workers, swarm, endurance } as const;

/** A suite with a result file. Comparisons have benny's files instead. */
export type SuiteName = keyof typeof SCHEMAS;
export type SuiteResults = { readonly [name in SuiteName]: z.output<(typeof SCHEMAS)[name]> };

/** Return the folder for results of an adapter; undefined if only some cases run, or if nothing is to be saved. */
export function resultsFolder(
  adapter: string,
  { save, filter, count }: { readonly save: boolean; readonly filter?: string; readonly count?: boolean },
): string | undefined {
  if (!save || count || filter !== undefined) return undefined;
  const name = adapter.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '');
  return `bench/results/${name.slice(0, 100)}`;
}

export function saveResults<Name extends SuiteName>(
  folder: string,
  name: Name,
  results: z.input<(typeof SCHEMAS)[Name]>,
): void {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new Error(`${path} cannot be read as JSON: ${String(cause)}`);
  }
}

/** Read a comparison. @throws Error if the file cannot be read or was not saved by benny. */
export function readComparison(path: string): ComparisonResults {
  const parsed = comparison.safeParse(parseJson(path));
  if (parsed.success) return parsed.data;
  throw new Error(`${path} is not a comparison of this benchmark`);
}

/** Read the results of a suite. @throws Error if the file cannot be read or is not of that suite. */
export function readResults<Name extends SuiteName>(path: string, name: Name): SuiteResults[Name] {
  const parsed = SCHEMAS[name].safeParse(parseJson(path));
  if (parsed.success) return parsed.data as SuiteResults[Name];
  throw new Error(`${path} is not a ${name}.json of this benchmark`);
}
