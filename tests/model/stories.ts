/** A real llama of 260,000 parameters (karpathy/tinyllamas), where it lies beside the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Its Hugging Face directory. */
export const STORIES = fileURLToPath(new URL('../../../shared/reference/stories260k', import.meta.url));

/** True if the files exist. */
export const hasStories = existsSync(STORIES);

/** Logits of every position, from llama2.c in float32. */
export interface StoriesCase {
  readonly ids: number[];
  readonly logits: number[][];
}

/** Its golden numbers: texts, and the first 200 tokens from `<s>` at temperature 0. */
export function storiesGolden(): { readonly cases: readonly StoriesCase[]; readonly greedy: number[] } {
  const rows: (StoriesCase | { greedy: number[] })[] = JSON.parse(
    readFileSync(`${STORIES}/golden.json`, 'utf8'),
  );
  const cases = rows.filter((row) => 'ids' in row);
  return { cases, greedy: rows.flatMap((row) => ('greedy' in row ? row.greedy : [])) };
}
