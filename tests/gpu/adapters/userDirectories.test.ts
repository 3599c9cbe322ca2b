/** The user's directories, by the environment. */
import { describe, expect, it } from 'vitest';
import { cacheDirectories, homeDirectory } from '../../../src/gpu/adapters/userDirectories.ts';

describe('cacheDirectories', () => {
  it('leaves out a home that is not known, or not absolute', () => {
    expect(cacheDirectories({ HOME: 'here' })).toHaveLength(1);
    expect(cacheDirectories({ HOME: '/home/ada' })[0]).toBe('/home/ada/.cache/mathformer');
    expect(homeDirectory({ HOME: '/home/ada' })).toBe('/home/ada');
  });
});
