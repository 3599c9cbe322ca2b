/** Memory and CPU time of another process. */
import { readFileSync } from 'node:fs';

/** The system's unit of CPU time in /proc, in seconds. It is the same on every Linux. */
const TICK = 0.01;

export interface ProcessFigures {
  /** Bytes of memory that it holds, and the most that it has held. */
  readonly bytes: number | null;
  readonly peakBytes: number | null;
  readonly cpuSeconds: number | null;
}

/** Read the figures of a process that runs. Linux only: elsewhere they are null. */
export function processFigures(pid: number): ProcessFigures {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (name: string): number =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    // The name, in parentheses, may hold spaces; the times are fields 14 and 15, counted from 1.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return {
      bytes: bytes('VmRSS'),
      peakBytes: bytes('VmHWM'),
      cpuSeconds: TICK * (Number(fields[11]) + Number(fields[12])),
    };
  } catch {
    return { bytes: null, peakBytes: null, cpuSeconds: null };
  }
}
