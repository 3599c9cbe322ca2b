/**
 * The flags that a task adds to a command. The task is found first: in `--task`, in the file of `--config`, or in the
 * checkpoint that the command is given.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { BadOptionError, flagOf, parseOptions, pick } from '../../base/options.ts';
import { loadCheckpoint } from '../../runs/checkpointFile.ts';
import { modelSource } from '../../runs/latestModel.ts';
import { BUILT_IN_TASKS } from '../../tasks/builtIn.ts';
import { optionFields, type TaskDefinition, type TaskUse } from '../../tasks/definition.ts';
import { settingsOf } from '../../training/trainedSettings.ts';
import { throwing } from '../failure.ts';
import { takenSettings } from '../takenSettings.ts';
import { isOfAnotherTask, optionsOfConfig } from './configFile.ts';
import { addFlags, givenFlags } from './flags.ts';
import { withPathsOfFile } from './optionPaths.ts';
import { DEFAULT_TASK, definitionOf, type TaskWithOptions } from './taskFlag.ts';
import { checkTrust } from './trust.ts';

/** The task of a command, and the schema of its options. */
export interface TaskFlags {
  readonly definition: TaskDefinition;
  readonly schema: z.ZodObject;
}

/** Return the schema of all flags of a command on a task. */
export const bothOf = ({ shape }: z.ZodObject, { schema }: Pick<TaskFlags, 'schema'>): z.ZodObject =>
  z.strictObject({ ...shape, ...schema.shape });

/** A command on a task. */
export interface TaskCommand {
  /** Flags that do not depend on the task. */
  readonly schema: z.ZodObject;
  readonly use: TaskUse;
  /** Run the command. @param operands those of the command line. */
  run(task: TaskFlags, operands: readonly string[]): Promise<void>;
}

/**
 * Give a command its flags, and those of its task under a heading of their own.
 * @param argv the words behind the command's name, with underscores.
 */
export async function onTask(
  command: Command,
  argv: readonly string[],
  { schema, use, run }: TaskCommand,
): Promise<Command> {
  const { definition, refusal } = await chosenTask(argv, schema, use);
  const fields = optionFields(definition, use);
  const task = { definition, schema: z.strictObject(fields) };
  addFlags(command, bothOf(schema, task), {
    heading: `Options of the task ${definition.name}:`,
    keys: Object.keys(fields),
  });
  // Flags that only the task could explain are no mistakes yet.
  if (refusal !== undefined) command.allowUnknownOption().allowExcessArguments();
  return command.action((...given: unknown[]) => {
    if (refusal !== undefined) throw refusal;
    // commander adds the options and the command.
    const operands = given.slice(0, -2).filter((operand) => operand !== undefined);
    return run(task, operands.flat().map(String));
  });
}

/**
 * Split the options of a training into its own and those of its task, such as those of config.json. Options of another
 * built-in task, which earlier versions wrote, are left out.
 * @throws BadOptionError
 */
export async function flagsAndTask<Schema extends z.ZodObject>(
  schema: Schema,
  given: Readonly<Record<string, unknown>>,
  use: TaskUse,
): Promise<[flags: z.output<Schema>, task: TaskWithOptions]> {
  const { task = DEFAULT_TASK.name } = given;
  const definition = await definitionOf(String(task));
  const fields = z.strictObject(optionFields(definition, use));
  const own = Object.entries(given).filter(
    ([key]) => !Object.hasOwn(fields.shape, key) && !isOfAnotherTask(key, schema),
  );
  const options = parseOptions(fields, pick(fields, given));
  return [parseOptions(schema, Object.fromEntries(own)), { definition, options }];
}

/** Find the definition of the task that was named; where there is none, that of the default and the error. */
async function chosenTask(argv: readonly string[], schema: z.ZodObject, use: TaskUse) {
  try {
    const definition = await definitionOf(namedTask(argv, schema) ?? DEFAULT_TASK.name);
    checkCollisions(definition, schema, use);
    return { definition, refusal: undefined };
  } catch (refusal) {
    return { definition: DEFAULT_TASK, refusal };
  }
}

/** @throws BadOptionError for an option whose flag the command has itself. */
function checkCollisions(definition: TaskDefinition, { shape }: z.ZodObject, use: TaskUse): void {
  const taken = new Set(['--help', ...Object.keys(shape).map(flagOf)]);
  const key = Object.keys(optionFields(definition, use)).find((each) => taken.has(flagOf(each)));
  if (key === undefined) return;
  const problem = `--task ${definition.name}: its option ${key} is an option of the command`;
  throw new BadOptionError(flagOf(key), problem, 'call it otherwise');
}

/** Find the name of the task. @throws BadOptionError for a module that a file names and the user neither names nor trusts. */
function namedTask(argv: readonly string[], schema: z.ZodObject): string | undefined {
  const { flags, operands } = peeked(argv, schema);
  const { task, config, reward, trust, checkpoint = operands[0] } = flags;
  if (typeof task === 'string') return task;
  const file = typeof config === 'string' ? attempt(() => optionsOfConfig(config)) : undefined;
  if (typeof config === 'string' && typeof file?.options.task === 'string') {
    const { options } = file;
    checkTrust({ task: options.task, reward: reward ?? options.reward }, config, trust === true);
    return withPathsOfFile({ task: file.options.task }, config).task;
  }
  const start = checkpoint ?? file?.options.checkpoint;
  const settings = typeof start === 'string' ? attempt(() => settingsOfModel(start)) : undefined;
  if (typeof start === 'string' && settings) takenSettings(start, settings, ['task'], {});
  return settings?.task;
}

const settingsOfModel = (path: string) => settingsOf(loadCheckpoint(modelSource(path).path).metadata);

/** Flags and operands as far as they can be told before the task is known. A mistake is told once the command is parsed. */
function peeked(argv: readonly string[], schema: z.ZodObject) {
  const fields = [...BUILT_IN_TASKS.values()].map((each) => optionFields(each, 'pretraining'));
  const all = z.strictObject(Object.assign({}, ...fields, schema.shape));
  const command = addFlags(throwing(new Command()).allowUnknownOption(), all);
  const operands = attempt(() => command.parseOptions([...argv]).operands) ?? [];
  const flags = attempt(() => givenFlags(command, all)) ?? {};
  return { flags, operands };
}

/** Return undefined where `work` throws: the command itself does it again, and tells the error. */
function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
