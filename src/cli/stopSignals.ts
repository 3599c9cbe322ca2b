/** Names the signals that ask a training to stop, and their exit codes. */
import { constants } from 'node:os';

/** Ctrl-C, a system that shuts down, a terminal that was closed. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type StopSignal = (typeof STOP_SIGNALS)[number];

/** Return 128 plus the number of the signal, as shells do: 130, 143 and 129. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/**
 * Tell whether a second signal asks to quit at once. SIGHUP does not: a terminal that is closed sends it twice, by the kernel
 * and by the shell.
 */
export const isImpatient = (signal: StopSignal): boolean => signal !== 'SIGHUP';
