/**
 * `export CHECKPOINT --out DIR`: the model as a Hugging Face directory (`LlamaForCausalLM`, `MptForCausalLM`), for transformers, TRL
 * and vLLM. Every command takes such a directory where it takes a checkpoint.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { parseOptions, path, pick } from '../../base/options.ts';
import { writeHuggingFace } from '../../formats/huggingFace/index.ts';
import { describe } from '../../model/config.ts';
import { writeDirectoryAtomically } from '../../runs/atomicDirectory.ts';
import { modelSource } from '../../runs/latestModel.ts';
import { outputSchema, taskField } from '../../training/commandOptions.ts';
import { settingsOf } from '../../training/trainedSettings.ts';
import { throwing } from '../failure.ts';
import { filledOperand, givenFlags } from '../flags/flags.ts';
import { checkTask, modelSchema, openModel } from '../flags/modelFlags.ts';
import { taskOf } from '../flags/taskFlag.ts';
import { bothOf, onTask, type TaskFlags } from '../flags/taskFlags.ts';
import { directoryTokenizer } from '../questions.ts';
import { Reporter } from '../reporter.ts';
import { takenSettings } from '../takenSettings.ts';

const { modelsize, activeExperts } = modelSchema.shape;
const { json, quiet } = outputSchema.shape;

const flagsSchema = z.strictObject({
  out: path('give the directory to write').describe('directory to write, new or empty; required'),
  ...taskField,
  ...{ modelsize, activeExperts, json, quiet },
});

async function run(
  given: string,
  flagsGiven: Readonly<Record<string, unknown>>,
  { definition, schema }: TaskFlags,
): Promise<void> {
  const { out, modelsize, activeExperts } = parseOptions(flagsSchema, pick(flagsSchema, flagsGiven));
  const { path, notes } = modelSource(given);
  const checkpoint = openModel(path, { modelsize, activeExperts });
  const keys = ['task', ...Object.keys(schema.shape)];
  const settings = settingsOf(checkpoint.metadata, schema.shape);
  const { options: taken, text } = takenSettings(path, settings, keys, flagsGiven);
  const all = { ...taken, ...flagsGiven };
  const flags = parseOptions(flagsSchema, pick(flagsSchema, all));
  const reporter = new Reporter(flags);
  for (const note of notes) reporter.note(note);
  if (text !== '') reporter.note(`As it was trained (flags win over it): ${text}`);
  const options = parseOptions(schema, pick(schema, all));
  const task = await taskOf({ definition, options });
  const own = flagsGiven.task === undefined ? directoryTokenizer(path, checkpoint, task) : undefined;
  if (!own) checkTask(path, checkpoint, task);
  reporter.note(`Loading checkpoint from ${path}`);
  reporter.note(`Model loaded: ${describe(checkpoint.config)}`);
  const files = writeHuggingFace(checkpoint, own ?? task);
  writeDirectoryAtomically(out, files);
  reporter.line(`Saved ${[...files.keys()].join(', ')} to ${out}`);
  reporter.document({ checkpoint: path, directory: out, files: [...files.keys()] });
}

/** Build `export <checkpoint>`. @param argv the words behind it. */
export function exportCommand(argv: readonly string[]): Promise<Command> {
  const command = throwing(new Command('export'))
    .description(
      'Writes a model as a Hugging Face directory (LlamaForCausalLM or MptForCausalLM), with its tokenizer.',
    )
    .argument(
      '<checkpoint>',
      'model of the llama or the mpt shape (.safetensors, a Hugging Face directory, or a run)',
      filledOperand,
    );
  return onTask(command, argv, {
    schema: flagsSchema,
    use: 'other',
    run: (task, [path = '']) => run(path, givenFlags(command, bothOf(flagsSchema, task)), task),
  });
}
