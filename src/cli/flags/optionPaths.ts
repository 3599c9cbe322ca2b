/**
 * Paths in options: of modules and of the checkpoint that a training begins with. What is written down has to be found
 * again from wherever it is read.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { withRewardPaths } from './rewardFlag.ts';
import { isBuiltInTask } from './taskFlag.ts';

type Options = Readonly<Record<string, unknown>>;

/** Options for config.json: a run may be resumed from another directory than the one it was begun in. */
export function withAbsolutePaths<Given extends Options>(options: Given): Given {
  return withPaths(options, (path) => resolve(path));
}

/** Options of a file, whose paths are relative to the file, or, where nothing is there, to the current directory. */
export function withPathsOfFile<Given extends Options>(options: Given, file: string): Given {
  return withPaths(options, (path) => {
    const beside = resolve(dirname(file), path);
    return existsSync(beside) ? beside : path;
  });
}

function withPaths<Given extends Options>(options: Given, change: (path: string) => string): Given {
  const { task, reward, checkpoint } = options;
  return {
    ...options,
    ...(typeof task === 'string' && !isBuiltInTask(task) ? { task: change(task) } : {}),
    ...(reward === undefined ? {} : { reward: withRewardPaths(reward, change) }),
    ...(typeof checkpoint === 'string' ? { checkpoint: change(checkpoint) } : {}),
  };
}
