/** Reads a file of a run, and again when it has changed. */
import { useEffect, useState } from 'preact/hooks';
import type { Loaded } from './resource.ts';
import type { RunData } from './runData.ts';

const LOADING = { state: 'loading' } as const;

/**
 * Read and parse a file; undefined if the run has none of that name. While a changed file is read, the former value stays.
 * @param name nothing is read for undefined. @param parse has to be the same function at each call.
 */
export function useFile<Value>(
  run: RunData,
  name: string | undefined,
  parse: (bytes: Uint8Array) => Value,
): Loaded<Value | undefined> {
  const listed = (run.files.ready ?? []).find((file) => file.name === name);
  const version = listed ? `${listed.bytes} ${listed.modified}` : '';
  const [read, setRead] = useState<{ readonly of: string; readonly result: Loaded<Value | undefined> }>();
  const of = `${run.ref.source}/${run.ref.id}/${name}`;
  useEffect(() => {
    if (name === undefined) return;
    let isCurrent = true;
    run.bytes(name).then(
      (bytes) => {
        const value = bytes && parse(bytes);
        if (isCurrent) setRead({ of, result: { state: 'ready', value } });
      },
      (error: unknown) => {
        if (isCurrent) setRead({ of, result: { state: 'failed', error } });
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [run, of, name, parse, version]);
  return read?.of === of ? read.result : LOADING;
}
