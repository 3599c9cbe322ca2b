/** Works the Lab in a tab of either browser, by the names of its parts that stand still. */
import { expect } from 'vitest';
import type { Tab } from '../browsers.ts';

export const at = (testId: string): string => `[data-testid="${testId}"]`;

/** Settings of a short training, as the address has them. */
export const SHORT = {
  preset: 'sums',
  ...{ steps: '5', batch_size: '4', group_size: '4', max_gen_len: '16' },
  ...{ eval_interval: '2', eval_size: '10', save_interval: '2', max_refills: '0', dynamic_sampling: 'false' },
};

/** Return the address of the Lab with settings. */
export const labAddress = (app: string, settings: Readonly<Record<string, string>>): string =>
  `${app}#/lab?${new URLSearchParams(settings)}`;

/** Return the text of a part of the page. */
export const textOf = async (tab: Tab, testId: string): Promise<string> =>
  `${await tab.evaluate(`document.querySelector('${at(testId)}')?.textContent?.trim() ?? ''`)}`;

/** Wait until the Lab's status is one of some. @returns it. */
export async function untilStatus(tab: Tab, ...states: readonly string[]): Promise<string> {
  await expect.poll(() => textOf(tab, 'status'), { timeout: 100_000 }).toBeOneOf([...states]);
  return textOf(tab, 'status');
}

/** Wait until a number of steps is shown as done. */
export const untilStep = (tab: Tab, step: number): Promise<void> =>
  expect
    .poll(async () => Number(await textOf(tab, 'step')), { timeout: 100_000 })
    .toBeGreaterThanOrEqual(step);

/** SHA-256 of files that the browser keeps, by their paths: those of the newest run whose paths match. */
export async function keptDigests(tab: Tab, pattern: RegExp): Promise<Readonly<Record<string, string>>> {
  return (await tab.evaluate(`(async () => {
    const digests = {};
    async function visit(directory, path) {
      for await (const [name, handle] of directory.entries()) {
        const at = path + '/' + name;
        if (handle.kind === 'directory') await visit(handle, at);
        else if (${pattern}.test(at)) {
          const bytes = await (await handle.getFile()).arrayBuffer();
          const digest = await crypto.subtle.digest('SHA-256', bytes);
          digests[at.split('/').slice(3).join('/')] =
            [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
        }
      }
    }
    await visit(await navigator.storage.getDirectory(), '');
    return digests;
  })()`)) as Readonly<Record<string, string>>;
}
