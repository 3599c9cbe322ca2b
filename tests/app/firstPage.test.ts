import { expect, it } from 'vitest';
import { firstPageFiles } from '../../app/size.ts';

/** Bytes of the first page as they are sent, without the checkpoint. */
const BUDGET = 250_000;

it('the first page and the worker that trains take no more than 250 kB', async () => {
  const files = await firstPageFiles();
  const names = files.map(({ name }) => name).join(' ');
  expect(names).toMatch(/index\.html/);
  expect(names).toMatch(/LabPage-.*\.js/);
  expect(files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0)).toBeLessThanOrEqual(BUDGET);
});
