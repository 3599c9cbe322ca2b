/**
 * `generate CHECKPOINT PROBLEM…`: completions of each problem, sampled or greedy, with the log-probability of every token
 * and the verdict.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { BadOptionError, integer, parseOptions, pick, real, yesOrNo } from '../../base/options.ts';
import { readTokenizer } from '../../formats/huggingFace/tokenizer.ts';
import { checkTopK, grpoSchema } from '../../grpo/options.ts';
import { MIN_TEMPERATURE, type SampleOptions } from '../../model/completions.ts';
import { describe } from '../../model/config.ts';
import { Sampler } from '../../model/sampler.ts';
import { Transformer } from '../../model/transformer.ts';
import { modelSource } from '../../runs/latestModel.ts';
import { outputSchema, taskField } from '../../training/commandOptions.ts';
import { settingsOf } from '../../training/trainedSettings.ts';
import { deviceText, withMachine } from '../commandMachine.ts';
import { throwing } from '../failure.ts';
import { filledOperand, givenFlags } from '../flags/flags.ts';
import { checkTask, modelSchema, openModel } from '../flags/modelFlags.ts';
import { taskOf } from '../flags/taskFlag.ts';
import { bothOf, onTask, type TaskFlags } from '../flags/taskFlags.ts';
import { answerLines, answerOf, askingTask, askingText, cutAtEnd, directoryTokenizer } from '../questions.ts';
import { Reporter } from '../reporter.ts';
import { takenSettings } from '../takenSettings.ts';

const { topK, topP, minP, seed, maxNewTokens } = grpoSchema.shape;

const flagsSchema = z.strictObject({
  ...taskField,
  numSamples: integer(1, 4096)
    .optional()
    .describe('completions of each problem (default: 4, or 1 if greedy)'),
  temperature: real({ min: 0, max: 100 })
    .refine((t) => t === 0 || t >= MIN_TEMPERATURE, {
      error: `give 0 (greedy) or a number from ${MIN_TEMPERATURE} to 100`,
    })
    .default(1)
    .describe('sampling temperature (0 = greedy)'),
  greedy: yesOrNo().default(false).describe('take the likeliest token each time'),
  topK,
  topP,
  minP,
  seed,
  maxNewTokens,
  ...modelSchema.shape,
  ...outputSchema.shape,
});

type Given = Readonly<Record<string, unknown>>;

async function run(
  [given = '', ...texts]: readonly string[],
  flagsGiven: Given,
  { definition, schema }: TaskFlags,
): Promise<void> {
  const { path, notes } = modelSource(given);
  const checkpoint = openModel(path, parseOptions(flagsSchema, pick(flagsSchema, flagsGiven)));
  const { config, stateDict } = checkpoint;
  const settings = settingsOf(checkpoint.metadata, schema.shape);
  const [sampling, ofTask] = [Object.keys(grpoSchema.shape), ['task', ...Object.keys(schema.shape)]];
  const { options, text } = takenSettings(path, settings, sampling, flagsGiven);
  const { options: taken } = takenSettings(path, settings, ofTask, flagsGiven);
  const flags = parseOptions(flagsSchema, pick(flagsSchema, { ...options, ...flagsGiven }));
  const task = await taskOf({
    definition,
    options: parseOptions(schema, pick(schema, { ...taken, ...flagsGiven })),
  });
  // A directory from elsewhere knows no task of ours, but its own tokenizer.
  const files = flagsGiven.task === undefined ? directoryTokenizer(path, checkpoint, task) : undefined;
  const own = files && readTokenizer(files, path);
  if (!own) checkTask(path, checkpoint, task);
  const asking = own ? askingText(own) : askingTask(task);
  const { eos, vocabSize } = asking.tokenizer;
  const sampleOptions = sampleOptionsOf(flags, vocabSize);
  const questions = texts.map(asking.question);
  const reporter = new Reporter(flags);
  for (const note of notes) reporter.note(note);
  if (text !== '') reporter.note(`As it was trained (flags win over it): ${text}`);
  await withMachine(flags, reporter, [config], async ({ device, adapter }) => {
    reporter.note(deviceText(adapter));
    reporter.note(`Loading checkpoint from ${path}`);
    reporter.note(`Model loaded: ${describe(config)}`);
    const sampler = new Sampler(new Transformer(device, config, stateDict), { eos });
    const prompts = questions.map(({ tokens }) => tokens);
    const generated = await sampler.generate(prompts, sampleOptions);
    const completions = own ? generated.map((each) => cutAtEnd(each, own.ends)) : generated;
    const results = questions.map((question, i) => {
      const { text, problem } = question;
      const own = completions.filter(({ prompt }) => prompt === i);
      const answers = own.map((each) => answerOf(asking, question, each));
      for (const line of answerLines(question, answers)) reporter.line(line);
      return { ...(problem ? { expression: text, answer: problem.answer } : { text }), completions: answers };
    });
    reporter.document({ checkpoint: path, results, adapter });
    sampler.dispose();
  });
}

/** @throws BadOptionError for flags that contradict each other, or the vocabulary. */
function sampleOptionsOf(flags: z.output<typeof flagsSchema>, vocabSize: number): SampleOptions {
  const greedy = flags.greedy || flags.temperature === 0;
  const { numSamples = greedy ? 1 : 4, topK, topP, minP, seed, maxNewTokens } = flags;
  checkTopK(topK, vocabSize);
  if (greedy && numSamples > 1) {
    throw new BadOptionError(
      '--num_samples',
      `${numSamples} greedy completions of a prompt would all be equal`,
      'leave out --num_samples, or sample with --temperature 1',
    );
  }
  const temperature = greedy ? 0 : flags.temperature;
  return { groupSize: numSamples, maxNewTokens, temperature, topK, topP, minP, seed };
}

/** Build `generate <checkpoint> <prompts...>`. @param argv the words behind it. */
export function generateCommand(argv: readonly string[]): Promise<Command> {
  const command = throwing(new Command('generate'))
    .description(
      'Completions of problems of the task, with the log-probability of every token and the verdict. A task that ' +
        'cannot read problems has a text continued, and so has a Hugging Face directory with a tokenizer of its own.',
    )
    .argument(
      '<checkpoint>',
      'model to ask (.safetensors, .pt of the original, a Hugging Face directory, or a run)',
      filledOperand,
    )
    .argument('<problems...>', 'such as "12+34" or "-5*(2-7)" for arithmetic, "4 1 3" for sort');
  return onTask(command, argv, {
    schema: flagsSchema,
    use: 'other',
    run: (task, operands) => run(operands, givenFlags(command, bothOf(flagsSchema, task)), task),
  });
}
