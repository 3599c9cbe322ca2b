import { effect } from '@preact/signals';
import { describe, expect, it } from 'vitest';
import { Resource } from '../../../app/src/data/resource.ts';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe('Resource', () => {
  it('reads once somebody looks, and tells when it has read', async () => {
    let reads = 0;
    const resource = new Resource(async () => ++reads);
    resource.refresh();
    expect(resource.peek()).toEqual({ state: 'loading' });
    await settled();
    expect(reads).toBe(0);
    const seen: unknown[] = [];
    const end = effect(() => void seen.push(resource.ready));
    await settled();
    resource.refresh();
    await settled();
    end();
    expect(seen).toEqual([undefined, 1, 2]);
  });

  it('has the error of a reading that failed', async () => {
    const error = new Error('torn');
    const resource = new Resource(() => Promise.reject(error));
    void resource.value;
    await settled();
    expect(resource.value).toEqual({ state: 'failed', error });
    expect(resource.ready).toBeUndefined();
  });

  it('keeps the result of the latest reading, whichever ends first', async () => {
    const answers: ((value: string) => void)[] = [];
    const resource = new Resource(() => new Promise<string>((resolve) => answers.push(resolve)));
    void resource.value;
    resource.refresh();
    answers[1]?.('new');
    await settled();
    answers[0]?.('old');
    await settled();
    expect(resource.ready).toBe('new');
  });
});
