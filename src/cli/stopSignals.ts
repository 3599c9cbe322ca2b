/** The signals that ask a training to stop, and the exit codes of a process that did. */
import { constants } from 'node:os';

/** Ctrl-C, the request of a system that shuts down, and a terminal that was closed. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type StopSignal = (typeof STOP_SIGNALS)[number];

/** 128 and the number of the signal, as shells say it: 130, 143 and 129. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/**
 * Whether a signal that follows another one asks to quit at once. A terminal that is closed sends SIGHUP more than
 * once: by the kernel, and by the shell.
 */
export const isImpatient = (signal: StopSignal): boolean => signal !== 'SIGHUP';
