/** Memory and CPU time of another process. */
import { readFileSync } from 'node:fs';

/** The system's unit of CPU time in /proc, in seconds. It is the same on every Linux. */
const TICK = 0.01;

export interface ProcessFigures {
  /** Most bytes of memory that it has held. */
  readonly peakBytes: number | null;
  readonly cpuSeconds: number | null;
}

/** Read the figures of a process that runs. Linux only: elsewhere they are null. */
export function processFigures(pid: number): ProcessFigures {
  try {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    // The name, in parentheses, may hold spaces; the times are fields 14 and 15, counted from 1.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return {
      peakBytes: 1024 * Number(peak),
      cpuSeconds: TICK * (Number(fields[11]) + Number(fields[12])),
    };
  } catch {
    return { peakBytes: null, cpuSeconds: null };
  }
}
