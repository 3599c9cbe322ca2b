/**
 * Modules that a file names. They are code, which runs with all rights of the user: `--task ./a.ts` on the command line is the
 * user's own word, but the config of a run or a --config may come from somebody else.
 */

import { BadOptionError, yesOrNo } from '../../base/options.ts';
import { printable } from '../../formats/error.ts';
import { invocation } from '../invocation.ts';
import { isBuiltInReward, rewardNames } from './rewardFlag.ts';
import { isBuiltInTask } from './taskFlag.ts';

export const trustFlag = {
  trust: yesOrNo()
    .default(false)
    .describe(
      'run the modules that a file names as task or reward: they are code, and can do all that you can',
    ),
};

/**
 * Check that a file names no module, unless the user trusts it.
 * @param options the file's options, unchecked. @param source the file's path.
 * @throws BadOptionError
 */
export function checkTrust(
  { task, reward }: { readonly task?: unknown; readonly reward?: unknown },
  source: string,
  trust: boolean,
): void {
  if (trust) return;
  const tasks = typeof task === 'string' && !isBuiltInTask(task) ? [task] : [];
  const modules = [...tasks, ...rewardNames(reward).filter((name) => !isBuiltInReward(name))];
  if (modules.length === 0) return;
  const problem = `${source} names ${printable(modules.join(', '))}: code, which would run with all your rights`;
  const [first, ...rest] = process.argv.slice(2);
  // The first word behind `mathformer` is the command itself, and may be `train`.
  const words = first === undefined || first === 'train' ? rest : [first, ...rest];
  const command = invocation('train', [...words, '--trust']);
  throw new BadOptionError('--trust', problem, `read it, and if you trust it: ${command}`);
}
