/** Trainings of experiments, each in a directory of its own: one that was interrupted is resumed. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readRunConfig } from '../src/cli/earlierRun.ts';
import { rewardsOf } from '../src/cli/flags/rewardFlag.ts';
import { grpoOptions } from '../src/grpo/options.ts';
import type { Reward } from '../src/grpo/reward.ts';
import { modelConfig } from '../src/model/config.ts';
import { initialStateDict } from '../src/model/stateDict.ts';
import { pretrainOptions } from '../src/pretrain/options.ts';
import { loadCheckpoint } from '../src/runs/checkpointFile.ts';
import { DiskStore } from '../src/runs/diskStore.ts';
import { arithmetic } from '../src/tasks/arithmetic/task.ts';
import { parseOperators } from '../src/tasks/expressions/operators.ts';
import type { Task } from '../src/tasks/task.ts';
import { trainGrpo } from '../src/training/grpo.ts';
import type { OpenMachine } from '../src/training/machine.ts';
import { pretrain } from '../src/training/pretrain.ts';
import type { Change, Setting, Start } from './experiment.ts';
import { openMachine } from './machine.ts';
import { SHUFFLED, shuffledReward } from './shuffledReward.ts';
import { startNamed } from './starts.ts';

/** Folder of the complete runs, which are not part of the repository. */
export const RUNS = 'runs/learning';

/** The place of trainings. */
export interface TrainingPlace {
  /** Folder of the complete runs: `RUNS` by default. */
  readonly runs?: string;
  /** Opens a machine: the best adapter by default. */
  readonly open?: OpenMachine;
}

/** Return the checkpoint of a start. Pretrain the model if it does not exist. */
export async function checkpointOf(start: Start, place: TrainingPlace = {}): Promise<string> {
  if (start.kind === 'reference') return start.path;
  const { maxNewTokens: _, ...problems } = start.setting;
  const directory = join(place.runs ?? RUNS, 'starts', start.name);
  const checkpoint = join(directory, 'checkpoints', `model_step${start.options.steps}.safetensors`);
  if (existsSync(checkpoint)) return checkpoint;
  const loadedFrom = start.from === undefined ? undefined : await checkpointOf(startNamed(start.from), place);
  const options = { modelsize: start.modelsize, ...problems, ...start.options };
  const from = loadedFrom === undefined ? {} : { checkpoint: loadedFrom };
  const store = storeFor(directory, { ...options, ...from });
  if (!store) return checkpoint;
  const { littleProbability = 0.5, scratchpadProbability = 0.5, ...training } = start.options;
  const forms = { littleProbability, scratchpadProbability };
  const settings = pretrainOptions(training);
  const task = arithmetic({ ...problems, ...forms });
  const newModel = () => {
    const config = modelConfig(start.modelsize, { vocabSize: task.tokenizer.vocabSize });
    return { config, stateDict: initialStateDict(config, settings.seed), metadata: new Map() };
  };
  await pretrain(
    {
      ...{ task, loadedFrom, pretrain: settings },
      model: () => (loadedFrom === undefined ? newModel() : loadCheckpoint(loadedFrom)),
      recorded: { task: task.name, modelsize: start.modelsize, ...problems, ...forms, ...settings, ...from },
      taskSettings: settingsOf(task, problems),
    },
    { store, openMachine: place.open ?? openMachine },
  );
  return checkpoint;
}

/** A training by GRPO in an experiment. */
export interface GrpoTraining {
  readonly checkpoint: string;
  readonly setting: Setting;
  readonly evalSize: number;
  readonly change: Change;
  readonly seed: number;
  readonly evalInterval: number;
  readonly saveInterval: number;
}

/** Train by GRPO in a directory, unless that was done before. */
export async function improve(
  directory: string,
  { checkpoint, setting, change, seed, evalSize, evalInterval, saveInterval }: GrpoTraining,
  place: TrainingPlace = {},
): Promise<void> {
  const intervals = { evalInterval, saveInterval, evalSize };
  const store = storeFor(directory, { checkpoint, ...setting, ...change, seed, ...intervals });
  if (!store) return;
  const { reward = 'correctness', ...options } = change;
  const { maxNewTokens, ...problems } = setting;
  const grpo = grpoOptions({ maxNewTokens, ...options, seed });
  const task = arithmetic(problems);
  await trainGrpo(
    {
      ...{ task, grpo, rewards: await rewardsNamed(reward, task), ...intervals },
      ...{ model: () => loadCheckpoint(checkpoint), loadedFrom: checkpoint },
      recorded: { checkpoint, task: task.name, reward, ...problems, ...grpo, ...intervals },
      taskSettings: settingsOf(task, problems),
    },
    { store, openMachine: place.open ?? openMachine },
  );
}

/** Make the rewards of a list. The shuffled one has a state, so each training has its own. */
async function rewardsNamed(list: string, task: Task): Promise<Reward[]> {
  return list === SHUFFLED ? [shuffledReward()] : rewardsOf(list, task);
}

/** The settings of the problems, for the metadata of checkpoints. */
function settingsOf(task: Task, { maxDigits, maxDepth, operators }: Omit<Setting, 'maxNewTokens'>) {
  return { task: task.name, maxDigits, maxDepth, operators: [...parseOperators(operators)] };
}

/**
 * Return the store of a training: new, or with the run of the same options that was interrupted there; undefined if it was
 * finished.
 */
function storeFor(directory: string, options: object): DiskStore | undefined {
  if (existsSync(join(directory, 'summary.json'))) return undefined;
  const file = `${directory}.json`;
  const text = `${JSON.stringify(options, null, 2)}\n`;
  const isBegun = existsSync(join(directory, 'checkpoints', 'manifest.json'));
  if (isBegun && existsSync(file) && readFileSync(file, 'utf8') === text) {
    return new DiskStore({ directory, resume: readRunConfig(directory) });
  }
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(dirname(directory), { recursive: true });
  writeFileSync(file, text);
  return new DiskStore({ directory });
}
