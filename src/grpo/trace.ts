/** The trace of a step of GRPO: the rewards of all groups, and some groups token by token. */
import type { Completion } from '../model/sampler.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import type { SequenceRecord, TokenRecord } from './metrics.ts';
import type { GrpoOptions } from './options.ts';
import { groupsOf, type Rollout, sampled } from './rollout.ts';
import { groupsToShow } from './samples.ts';

/** One completion of a traced group. Arrays have a value for each of its T tokens. */
export interface TracedCompletion {
  /** Token ids, `eos` included if the completion ended. */
  readonly tokens: readonly number[];
  /** Text of each token. */
  readonly texts: readonly string[];
  readonly reward: number;
  /** NaN if no advantage was computed, as dynamic sampling dropped the group. */
  readonly advantage: number;
  readonly correct: boolean;
  /** False if the completion was cut off before its end. */
  readonly finished: boolean;
  /**
   * Log-probability under the policy before the first optimiser step on this completion; in nats, as all that follows. NaN if
   * the step did not learn from the completion.
   */
  readonly logp: Float32Array;
  /** Log-probability that the sampler recorded. */
  readonly oldLogp: Float32Array;
  /**
   * Log-probability around which the ratio was clipped: under the policy at the start of the step. Only where the step corrects
   * for who sampled; else it is `oldLogp`. NaN where `logp` is.
   */
  readonly proxLogp?: Float32Array;
  /** KL from the reference, or its estimate; NaN without a reference, and where `logp` is. */
  readonly kl: Float32Array;
  /** Entropy of the policy's distribution; NaN where `logp` is. */
  readonly entropy: Float32Array;
}

/** A problem with the completions of its group. */
export interface TracedGroup {
  readonly expression: string;
  readonly expected: string;
  /** Text of the prompt's tokens. */
  readonly prompt: readonly string[];
  readonly completions: readonly TracedCompletion[];
}

/** The rewards of a group. */
export interface GroupRewards {
  readonly expression: string;
  /** True if dynamic sampling dropped the group: the step did not learn from it. */
  readonly dropped: boolean;
  /** One reward for each completion. */
  readonly rewards: Float32Array;
}

/** The trace of a step. */
export interface StepTrace {
  readonly step: number;
  /** Name of the policy loss. */
  readonly loss: string;
  /** The ratio is clipped at 1 − clipRatio and 1 + clipRatioHigh. */
  readonly clipRatio: number;
  readonly clipRatioHigh: number;
  /** All groups of the step, in order; dropped ones last. */
  readonly rewards: readonly GroupRewards[];
  /** The traced groups: those whose rewards differ come first. */
  readonly groups: readonly TracedGroup[];
}

/** A step that was taken. */
export interface TakenStep {
  readonly step: number;
  readonly rollout: Rollout;
  /** The advantage of each completion that was not dropped. */
  readonly advantages: readonly number[];
  /** All sequences of all optimiser steps, in order. */
  readonly records: readonly SequenceRecord[];
  /** True if the step corrects for who sampled. */
  readonly isCorrected: boolean;
}

/** The surroundings of a step, and the number of groups to trace token by token. */
export interface TraceOptions {
  readonly task: Task;
  readonly options: Pick<GrpoOptions, 'groupSize' | 'loss' | 'clipRatio' | 'clipRatioHigh'>;
  readonly groups: number;
}

/** Trace a step. */
export function traceOf(
  { step, rollout, advantages, records, isCorrected }: TakenStep,
  { task, options, groups }: TraceOptions,
): StepTrace {
  const { groupSize, loss, clipRatio, clipRatioHigh } = options;
  const all = sampled(rollout);
  const parts = groupsOf(all, groupSize);
  const computed = firstRecords(records);
  const traced = groupsToShow(all.rewards, groupSize).slice(0, groups);
  return {
    ...{ step, loss, clipRatio, clipRatioHigh },
    rewards: parts.map(({ problems, rewards }, group) => ({
      expression: problems[0]?.expression ?? '',
      dropped: group * groupSize >= rollout.completions.length,
      rewards: Float32Array.from(rewards),
    })),
    groups: traced.flatMap((first) => {
      const problem = problemAt(all, first);
      return problem ? [tracedGroup(problem, first)] : [];
    }),
  };

  /** Joining with dropped groups copies completions, but keeps their order. */
  function recordsAt(i: number): readonly TokenRecord[] | undefined {
    const completion = rollout.completions[i];
    return completion && computed.get(completion);
  }

  function tracedGroup(problem: TaskProblem, first: number): TracedGroup {
    const completions = all.completions.slice(first, first + groupSize);
    return {
      expression: problem.expression,
      expected: problem.answer,
      prompt: textsOf(task, task.prompt(problem)),
      completions: completions.map((completion, member) => ({
        ...tracedTokens(task, problem, completion, { records: recordsAt(first + member), isCorrected }),
        reward: all.rewards[first + member] ?? Number.NaN,
        advantage: advantages[first + member] ?? Number.NaN,
      })),
    };
  }
}

/** Return what the first optimiser step on each completion computed. */
function firstRecords(records: readonly SequenceRecord[]): Map<Completion, readonly TokenRecord[]> {
  const first = new Map<Completion, readonly TokenRecord[]>();
  for (const { completion, tokens } of records) if (!first.has(completion)) first.set(completion, tokens);
  return first;
}

function problemAt({ problems, completions }: Rollout, at: number): TaskProblem | undefined {
  return problems[completions[at]?.prompt ?? -1];
}

/** @param learnt `records` are the values of each token; undefined if the step did not learn from the completion. */
function tracedTokens(
  task: Task,
  problem: TaskProblem,
  { tokens, logps, finished }: Completion,
  {
    records,
    isCorrected,
  }: { readonly records: readonly TokenRecord[] | undefined; readonly isCorrected: boolean },
): Omit<TracedCompletion, 'reward' | 'advantage'> {
  const values = (name: 'logp' | 'proxLogp' | 'kl' | 'entropy'): Float32Array =>
    Float32Array.from(tokens, (_, t) => records?.[t]?.[name] ?? Number.NaN);
  return {
    tokens,
    texts: textsOf(task, tokens),
    correct: task.grade(problem, tokens).outcome === 'correct',
    finished,
    logp: values('logp'),
    oldLogp: logps,
    ...(isCorrected && { proxLogp: values('proxLogp') }),
    kl: values('kl'),
    entropy: values('entropy'),
  };
}

const textsOf = ({ tokenizer }: Task, ids: readonly number[]): string[] =>
  ids.map((id) => tokenizer.decode([id]));
