/** The inside of a device, which its objects share. */
import type { Backend } from './backend.ts';
import type { ErrorScopes } from './errors.ts';
import type { Executor } from './executor.ts';
import type { DeviceMemory } from './memory.ts';
import type { Submissions } from './submissions.ts';

export interface DeviceState {
  readonly features: GPUSupportedFeatures;
  readonly limits: GPUSupportedLimits;
  readonly errors: ErrorScopes;
  readonly memory: DeviceMemory;
  readonly executor: Executor;
  readonly submissions: Submissions;
  readonly backend: Backend;
  /** True if the device is lost or destroyed. */
  isLost: boolean;
}

/** Return how messages name an object: by its kind and its label. */
export const nameOf = (kind: string, { label }: GPUObjectBase): string =>
  label ? `${kind} '${label}'` : `a ${kind}`;

/** Return the problem with a range of a buffer or a mapping; undefined if it lies inside and is aligned. */
export function rangeProblem(
  offset: number,
  bytes: number,
  within: { readonly size: number; readonly alignment: number },
): string | undefined {
  const { size, alignment } = within;
  if (offset % alignment !== 0) return `offset ${offset} is not a multiple of ${alignment}`;
  if (bytes < 0 || offset < 0 || offset + bytes > size)
    return `${bytes} bytes from ${offset} on exceed its ${size} bytes`;
  return undefined;
}
