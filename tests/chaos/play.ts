/** Plays a scenario, and compares what the run became with what it becomes undisturbed. */
import { isDeepStrictEqual } from 'node:util';
import { RandomStream } from '../../src/base/randomStream.ts';
import type { RunTraces } from '../crash/kill.ts';
import type { Scenario } from './scenarios.ts';
import { Stage } from './stage.ts';
import { type TrainingSize, training, undisturbed } from './training.ts';

/** Size of a play. */
export interface PlayOptions extends TrainingSize {
  readonly kills: number;
  readonly seed: number;
}

/** The undisturbed run. */
export type Expected = Awaited<ReturnType<typeof undisturbed>>;

/** Run the training undisturbed, and without workers. */
export const expectedOf = (size: TrainingSize): Promise<Expected> => undisturbed(training(size));

/** A scenario that was played. */
export interface Played {
  readonly traces: RunTraces;
  /** Results that workers gave. */
  readonly results: number;
  readonly seconds: number;
}

/**
 * Play a scenario. Return a text if the machine does not allow it.
 * @throws Error if a wait reaches its deadline, a process fails or one is left over.
 */
export async function play(
  scenario: Scenario,
  options: PlayOptions,
  expected: Expected,
): Promise<Played | string> {
  const { steps, kills, seed } = options;
  const started = performance.now();
  await using stage = await Stage.open(training(options), scenario);
  const random = new RandomStream({ seed, stream: 0, item: 0 });
  const stepSeconds = expected.seconds / steps;
  const traces = await scenario.play({ stage, steps, kills, random, stepSeconds });
  if (typeof traces === 'string') return traces;
  return { traces, results: stage.results, seconds: (performance.now() - started) / 1000 };
}

/** Name what differs from the undisturbed run; nothing if all is the same. */
export function differences(found: RunTraces, { traces: expected }: Expected): string[] {
  const names = ['steps', 'hashes', 'rows', 'events', 'answers'] as const;
  return names.filter((name) => !isDeepStrictEqual(found[name], expected[name]));
}
