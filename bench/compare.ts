/** Two measurements side by side. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { columns } from '../src/cli/columns.ts';

const measuredSchema = z.object({
  adapter: z.string(),
  results: z.array(
    z.object({ kernel: z.string(), shape: z.string(), median: z.number(), efficiency: z.number() }),
  ),
});

function read(path: string): z.output<typeof measuredSchema> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new Error(`${path} cannot be read as JSON: ${String(cause)}`);
  }
  const parsed = measuredSchema.safeParse(content);
  if (!parsed.success) throw new Error(`${path} is no kernels.json of this benchmark`);
  return parsed.data;
}

/**
 * A table of what both have: times, their ratio (above 1: b is faster) and η of each. Times compare code on one adapter;
 * η compares adapters, or one adapter on a good and on a bad day.
 */
export function compareFiles(a: string, b: string): string[] {
  const [first, second] = [read(a), read(b)];
  const rows = first.results.flatMap((one) => {
    const other = second.results.find(({ kernel, shape }) => kernel === one.kernel && shape === one.shape);
    if (!other) return [];
    const ms = (seconds: number): string => (seconds * 1000).toFixed(3);
    const ratio = (one.median / other.median).toFixed(2);
    return [
      [
        one.kernel,
        one.shape,
        ms(one.median),
        ms(other.median),
        ratio,
        one.efficiency.toFixed(2),
        other.efficiency.toFixed(2),
      ],
    ];
  });
  const heading = ['kernel', 'shape', 'a, ms', 'b, ms', 'a / b', 'η of a', 'η of b'];
  return [`a: ${a}, ${first.adapter}`, `b: ${b}, ${second.adapter}`, ...columns([heading, ...rows], 2)];
}
