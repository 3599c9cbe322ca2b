/**
 * `generate.ts CHECKPOINT EXPRESSION…`: completions of each expression, sampled or greedy, with the log-probability of
 * every token and the verdict.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { BadOptionError, integer, parseOptions, real, yesOrNo } from '../../base/options.ts';
import type { Checkpoint } from '../../formats/index.ts';
import { checkTopK, grpoSchema } from '../../grpo/options.ts';
import { describe } from '../../model/config.ts';
import { type Completion, Sampler } from '../../model/sampler.ts';
import { MIN_TEMPERATURE } from '../../model/sampling.ts';
import { Transformer } from '../../model/transformer.ts';
import { modelSource } from '../../runs/latestModel.ts';
import { evaluate } from '../../tasks/arithmetic/expression.ts';
import { type Grade, grade } from '../../tasks/arithmetic/grader.ts';
import { parse } from '../../tasks/arithmetic/parser.ts';
import { prompt } from '../../tasks/arithmetic/sample.ts';
import { ARITHMETIC } from '../../tasks/arithmetic/task.ts';
import { decode, TOKENS } from '../../tasks/arithmetic/tokenizer.ts';
import { settingsOf } from '../../training/trainedSettings.ts';
import { throwing } from '../failure.ts';
import { addFlags, filledOperand, givenFlags } from '../flags/flags.ts';
import { modelSchema, openModel } from '../flags/modelFlags.ts';
import { outputSchema } from '../flags/sessionFlags.ts';
import { invocation } from '../invocation.ts';
import { deviceText, withMachine } from '../machine.ts';
import { Reporter } from '../reporter.ts';
import { takenSettings } from '../trainedSettings.ts';

const { topK, topP, minP, seed, maxGenLen } = grpoSchema.shape;

const flagsSchema = z.strictObject({
  numSamples: integer(1, 4096)
    .optional()
    .describe('completions of each expression (default: 4, or 1 if greedy)'),
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
  maxGenLen,
  ...modelSchema.shape,
  ...outputSchema.shape,
});

interface Question {
  readonly expression: string;
  readonly answer: string;
}

async function run(
  given: string,
  expressions: readonly string[],
  flagsGiven: Readonly<Record<string, unknown>>,
): Promise<void> {
  const questions = expressions.map(questionOf);
  const { path, notes } = modelSource(given);
  const checkpoint = openModel(path, parseOptions(flagsSchema, flagsGiven));
  const { config, stateDict } = checkpoint;
  const { task = ARITHMETIC.name, ...settings } = settingsOf(checkpoint.metadata);
  checkArithmetic(path, checkpoint, task);
  const { options, text } = takenSettings(path, settings, Object.keys(flagsSchema.shape), flagsGiven);
  const flags = parseOptions(flagsSchema, { ...options, ...flagsGiven });
  const greedy = flags.greedy || flags.temperature === 0;
  const { numSamples = greedy ? 1 : 4, topK, topP, minP, seed, maxGenLen: maxNew } = flags;
  checkTopK(topK, config.vocabSize);
  if (greedy && numSamples > 1) {
    const problem = `${numSamples} greedy completions of an expression would all be equal`;
    throw new BadOptionError(
      '--num_samples',
      problem,
      'leave out --num_samples, or sample with --temperature 1',
    );
  }
  const reporter = new Reporter(flags);
  for (const note of notes) reporter.note(note);
  if (text !== '') reporter.note(`As it was trained (flags win over it): ${text}`);
  await withMachine(flags, reporter, [config], async ({ device, adapter }) => {
    reporter.note(deviceText(adapter));
    reporter.note(`Loading checkpoint from ${path}`);
    reporter.note(`Model loaded: ${describe(config)}`);
    const sampler = new Sampler(new Transformer(device, config, stateDict), {
      eos: ARITHMETIC.tokenizer.eos,
    });
    const completions = await sampler.generate(
      questions.map(({ expression }) => prompt(expression)),
      { groupSize: numSamples, maxNew, temperature: greedy ? 0 : flags.temperature, topK, topP, minP, seed },
    );
    const results = questions.map((question, i) => ({
      ...question,
      completions: completions.filter(({ prompt }) => prompt === i).map((each) => judged(question, each)),
    }));
    for (const result of results) for (const line of lines(result)) reporter.line(line);
    reporter.document({ checkpoint: path, results, adapter });
    sampler.dispose();
  });
}

/** @throws BadOptionError if the model has learnt another task: expressions are all that this command can judge. */
function checkArithmetic(path: string, { config }: Checkpoint, task: string): void {
  if (task === ARITHMETIC.name && config.vocabSize === ARITHMETIC.tokenizer.vocabSize) return;
  const trained = task === ARITHMETIC.name ? 'not on arithmetic' : `on the task ${task}`;
  const words = task === ARITHMETIC.name ? [path] : [path, '--task', task];
  const problem = `${path} was trained ${trained}; expressions are asked of arithmetic models alone`;
  throw new BadOptionError('checkpoint', problem, `evaluate it: ${invocation('evaluate', words)}`);
}

/** @throws ExpressionError for what is no expression, or has no value. */
function questionOf(expression: string): Question {
  return { expression, answer: evaluate(parse(expression)).toString() };
}

interface Judged {
  readonly completion: string;
  readonly verdict: Grade['outcome'];
  /** What the model answered; null without an answer. */
  readonly answer: string | null;
  /** Sum over the tokens, in nats. */
  readonly logProbability: number;
  readonly tokens: readonly { readonly token: string; readonly logProbability: number }[];
}

function judged(question: Question, { tokens, logps }: Completion): Judged {
  const { outcome, answer } = grade(question, tokens);
  return {
    completion: decode(tokens),
    verdict: outcome,
    answer,
    logProbability: logps.reduce((sum, logp) => sum + logp, 0),
    tokens: tokens.map((id, i) => ({ token: TOKENS[id] ?? '', logProbability: logps[i] ?? Number.NaN })),
  };
}

function lines({ expression, answer, completions }: Question & { completions: readonly Judged[] }): string[] {
  return [
    `${expression} = ${answer}`,
    ...completions.flatMap(({ completion, verdict, logProbability, tokens }, i) => [
      `  ${i + 1}. ${verdict}, log-probability ${logProbability.toFixed(4)}: ${completion}`,
      `     ${tokens.map(({ token, logProbability: logp }) => `${token} ${logp.toFixed(3)}`).join(' | ')}`,
    ]),
  ];
}

/** `generate CHECKPOINT EXPRESSION…`. */
export function generateCommand(): Command {
  const command = throwing(new Command('generate'))
    .description('Completions of expressions, with the log-probability of every token and the verdict.')
    .argument(
      '<checkpoint>',
      'model to ask (.safetensors, .pt of the original, a Hugging Face directory, or a run)',
      filledOperand,
    )
    .argument('<expressions...>', 'such as "12+34" or "-5*(2-7)"');
  return addFlags(command, flagsSchema).action((path: string, expressions: string[]) =>
    run(path, expressions, givenFlags(command, flagsSchema)),
  );
}
