import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { keepKernelChoices, keptKernelChoices } from '../../src/gpu/browser.ts';

const adapter = (description: string, features: readonly string[] = ['subgroups']) =>
  ({ info: { description }, features: new Set(features) }) as unknown as GPUAdapter;

test('choices of kernels are kept in IndexedDB for each adapter apart, and added to', async () => {
  expect(await keptKernelChoices(adapter('a'))).toEqual({});
  await keepKernelChoices(adapter('a'), { x: 'tile', y: { variant: 'registers', source: '01234567' } });
  await keepKernelChoices(adapter('a'), { x: 'broadcast' });
  expect(await keptKernelChoices(adapter('a'))).toEqual({
    x: 'broadcast',
    y: { variant: 'registers', source: '01234567' },
  });
  expect(await keptKernelChoices(adapter('b'))).toEqual({});
  expect(await keptKernelChoices(adapter('a', ['subgroups', 'shader-f16']))).toEqual({});
});
