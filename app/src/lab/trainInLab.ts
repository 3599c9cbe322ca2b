/** A session of the Lab: begun or resumed in a store, paused and answered from outside. It runs in a Worker, and in tests in Node. */
import { type Device, MathformerError } from 'mathformer';
import {
  type Checkpoint,
  initialStateDict,
  MODEL_SIZES,
  type ModelSize,
  modelConfig,
  readCheckpoint,
  type Transformer,
} from 'mathformer/model';
import type { Task } from 'mathformer/tasks';
import {
  type AdapterRecord,
  type Machine,
  type MachineNeed,
  machineOf,
  type Recipe,
  recipeTask,
  resume,
  type Store,
  type Summary,
  type TrainingEvent,
  trainAs,
} from 'mathformer/training';
import type { Gate } from './gate.ts';
import type { LiveAnswers } from './liveAnswers.ts';
import type { NewRun, Start } from './protocol.ts';

/** An open device, and its description. */
export interface OpenedDevice {
  readonly device: Device;
  readonly adapter: AdapterRecord;
}

/** Surroundings of a session. */
export interface LabContext {
  readonly store: Store;
  readonly openDevice: (need: MachineNeed) => Promise<OpenedDevice>;
  readonly versions: Readonly<Record<string, string>>;
  readonly gate: Gate;
  /** Undefined for none. */
  readonly answers?: LiveAnswers | undefined;
  readonly on: (event: TrainingEvent) => void;
}

/** Train to the end. @param begin undefined resumes the run in the store. @throws MathformerError */
export async function trainInLab(begin: NewRun | undefined, context: LabContext): Promise<Summary> {
  const { store, gate, answers, on } = context;
  const config = begin?.recipe ?? (await store.config());
  if (!config) {
    const details = { code: 'NO_RUN', where: store.path(''), fix: 'begin a run' };
    throw new MathformerError('there is no run to resume', details);
  }
  const { task, longest } = await questionsOf(config);
  const session = {
    store,
    openMachine: async (need: MachineNeed): Promise<Machine> => {
      const { device, adapter } = await context.openDevice(need);
      const machine = machineOf(device, { versions: context.versions }, adapter);
      let isAsked = false;
      return {
        ...machine,
        sampler(model: Transformer, eos: number) {
          // The first is the policy; later ones are earlier versions of it.
          if (!isAsked) answers?.ask(model, task, longest);
          isAsked = true;
          return machine.sampler(model, eos);
        },
      };
    },
    wantsCheckpoint: () => gate.wantsCheckpoint(),
    on: async (event: TrainingEvent): Promise<void> => {
      on(event);
      if (event.type === 'phase') await answers?.after(event.phase, event.from);
      if (event.type === 'step') {
        gate.stepped();
        await answers?.after(event.phase, event.step);
      }
      if (event.type === 'checkpoint') await gate.saved();
    },
  };
  try {
    if (!begin) return await resume({ model: () => noModel(store.path('')) }, session);
    return await trainAs(begin.recipe, { model: () => modelOf(begin.start, task) }, session);
  } finally {
    answers?.dispose();
  }
}

/** Longest answer where the config does not say, as evaluations after pretraining have it. */
const LONGEST = 256;

/** Return the task of a run, and the longest answer in tokens. */
async function questionsOf(recipe: Recipe): Promise<{ readonly task: Task; readonly longest: number }> {
  const { grpo, maxNewTokens } = recipe.options;
  const own =
    typeof grpo === 'object' && grpo !== null && 'maxNewTokens' in grpo ? grpo.maxNewTokens : maxNewTokens;
  return { task: await recipeTask(recipe), longest: typeof own === 'number' ? own : LONGEST };
}

/** Make or read the model that a run begins with. @throws MathformerError, e.g. for the vocabulary of another task. */
function modelOf(start: Start, { tokenizer, name }: Task): Checkpoint {
  const { vocabSize } = tokenizer;
  if (start.from === 'new') {
    const config = modelConfig(checkedSize(start.size), { vocabSize });
    return { config, stateDict: initialStateDict(config, start.seed), metadata: new Map() };
  }
  const checkpoint = readCheckpoint(start.bytes, start.name);
  if (checkpoint.config.vocabSize === vocabSize) return checkpoint;
  const problem = `${start.name} has a vocabulary of ${checkpoint.config.vocabSize} tokens, and the task ${name} one of ${vocabSize}`;
  const fix = 'choose the task that the checkpoint was trained on, or another checkpoint';
  throw new MathformerError(problem, { code: 'WRONG_VOCABULARY', where: start.name, fix });
}

function checkedSize(size: string): ModelSize {
  const found = Object.keys(MODEL_SIZES).find((known): known is ModelSize => known === size);
  if (found) return found;
  const fix = `give one of ${Object.keys(MODEL_SIZES).join(', ')}`;
  throw new MathformerError(`there is no model size ${size}`, { code: 'BAD_OPTION', where: 'model', fix });
}

/** A run that has not saved a checkpoint yet has lost the model that it began with. */
function noModel(where: string): never {
  const details = { code: 'NO_CHECKPOINT', where, fix: 'reset, and begin it again' };
  throw new MathformerError(`${where} was closed before its first checkpoint`, details);
}
