/** The flag that says what is rewarded: `correctness,length:0.2,./my-reward.ts:0.5`. */

import { basename, extname } from 'node:path';
import { z } from 'zod';
import { MathformerError } from '../../base/errors.ts';
import { BadOptionError } from '../../base/options.ts';
import {
  builtInReward,
  checkRewards,
  REWARD_NAMES,
  type Reward,
  type RewardName,
} from '../../grpo/reward.ts';
import type { Task } from '../../tasks/task.ts';
import { defaultExport } from './userModule.ts';

/** `name` or `path`, and what follows the last colon if that is a number. */
const ITEM = /^(?<name>.+?)(?::(?<weight>[-+]?[0-9.]+(?:e[-+]?[0-9]+)?))?$/i;

/**
 * The rewards of a list. The default export of a module is a function of a problem and a completion, or an object
 * { name, weight, reward }; without a name the reward is called as the file is.
 * @throws BadOptionError for what is no reward, or cannot be added up.
 */
export async function rewardsOf(list: string | readonly string[], task: Task): Promise<Reward[]> {
  const items = typeof list === 'string' ? list.split(',') : list;
  const rewards: Reward[] = [];
  for (const item of items) rewards.push(await rewardOf(item.trim(), task));
  asFlagErrors(() => checkRewards(rewards));
  return rewards;
}

async function rewardOf(item: string, task: Task): Promise<Reward> {
  const { name = '', weight: text } = ITEM.exec(item)?.groups ?? {};
  const weight = text === undefined ? undefined : Number(text);
  if (isBuiltInReward(name)) return asFlagErrors(() => builtInReward(name, task, weight));
  const reward = moduleReward(name, await defaultExport('--reward', name, REWARD_NAMES));
  return weight === undefined ? reward : { ...reward, weight };
}

/** The names and paths in a list of rewards, without their weights; those of no list are none. */
export function rewardNames(list: unknown): string[] {
  const items = typeof list === 'string' ? list.split(',') : Array.isArray(list) ? list : [];
  return items.map((item) => ITEM.exec(String(item).trim())?.groups?.name ?? '');
}

/**
 * The list with the paths of its modules changed, as an array, since a path may have a comma. A list without modules,
 * and what is none, stays as it is.
 */
export function withRewardPaths(list: unknown, change: (path: string) => string): unknown {
  const names = rewardNames(list);
  if (names.every(isBuiltInReward)) return list;
  const items = typeof list === 'string' ? list.split(',') : Array.isArray(list) ? list.map(String) : [];
  return items.map((item, i) => {
    const name = names[i] ?? '';
    return isBuiltInReward(name) ? item : `${change(name)}${item.trim().slice(name.length)}`;
  });
}

/** Tell whether a reward needs no module. */
export const isBuiltInReward = (name: string): name is RewardName =>
  REWARD_NAMES.some((known) => known === name);

const moduleSchema = z.object({
  name: z.string().min(1).optional(),
  weight: z.number().optional(),
  reward: z.custom<Reward['reward']>((value) => typeof value === 'function', { error: 'give a function' }),
});

function moduleReward(path: string, exported: unknown): Reward {
  const ownName = basename(path, extname(path));
  if (typeof exported === 'function') return { name: ownName, reward: exported as Reward['reward'] };
  const parsed = moduleSchema.safeParse(exported);
  if (parsed.success) {
    const { name = ownName, weight = 1, reward } = parsed.data;
    return { name, weight, reward: reward.bind(exported) };
  }
  const key = parsed.error.issues[0]?.path.join('.');
  const problem = key
    ? `${key} is not what it must be`
    : 'the default export is neither a function nor an object';
  const fix = 'export a function (problem, completion) => number, or { name, weight, reward }';
  throw new BadOptionError('--reward', `--reward ${path}: ${problem}`, fix);
}

/** Turn an error of the trainer about rewards into one of the command line. */
function asFlagErrors<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MathformerError) || error.code !== 'BAD_OPTION') throw error;
    throw new BadOptionError('--reward', error.message, error.fix);
  }
}
