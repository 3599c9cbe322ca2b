#!/usr/bin/env node
/**
 * `generate.ts CHECKPOINT EXPRESSION…`: completions of each expression, sampled or greedy, with the log-probability of
 * every token and the verdict.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { checkTopK, grpoSchema } from '../grpo/options.ts';
import { evaluate } from '../math/expression.ts';
import { type Grade, grade } from '../math/grader.ts';
import { parse } from '../math/parser.ts';
import { prompt } from '../math/sample.ts';
import { decode, TOKENS } from '../math/tokenizer.ts';
import { describe } from '../model/config.ts';
import { type Completion, Sampler } from '../model/sampler.ts';
import { MIN_TEMPERATURE } from '../model/sampling.ts';
import { Transformer } from '../model/transformer.ts';
import { BadOptionError, integer, real, yesOrNo } from '../options.ts';
import { runCommand, throwing } from './failure.ts';
import { addFlags, readFlags, withOperandsLast, withUnderscores } from './flags.ts';
import { deviceText, withMachine } from './machine.ts';
import { loadModel, modelSchema } from './modelFlags.ts';
import { Reporter } from './reporter.ts';
import { outputSchema } from './session.ts';

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

type Flags = z.output<typeof flagsSchema>;

interface Question {
  readonly expression: string;
  readonly answer: string;
}

async function run(path: string, expressions: readonly string[], flags: Flags): Promise<void> {
  const questions = expressions.map(questionOf);
  const greedy = flags.greedy || flags.temperature === 0;
  const { numSamples = greedy ? 1 : 4, topK, topP, minP, seed, maxGenLen: maxNew } = flags;
  if (greedy && numSamples > 1) {
    const problem = `${numSamples} greedy completions of an expression would all be equal`;
    throw new BadOptionError(
      '--num_samples',
      problem,
      'leave out --num_samples, or sample with --temperature 1',
    );
  }
  const { config, stateDict } = loadModel(path, flags);
  checkTopK(topK, config.vocabSize);
  const reporter = new Reporter(flags);
  await withMachine(flags, reporter, [config], async ({ device, adapter }) => {
    reporter.note(deviceText(adapter));
    reporter.note(`Loading checkpoint from ${path}`);
    reporter.note(`Model loaded: ${describe(config)}`);
    const sampler = new Sampler(new Transformer(device, config, stateDict));
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

const program = throwing(new Command('generate'))
  .description('Completions of expressions, with the log-probability of every token and the verdict.')
  .argument('<checkpoint>', 'model to ask (.safetensors, .pt of the original, or a Hugging Face directory)')
  .argument('<expressions...>', 'such as "12+34" or "-5*(2-7)"');
addFlags(program, flagsSchema).action((path: string, expressions: string[]) =>
  run(path, expressions, readFlags(program, flagsSchema)),
);

await runCommand(program, withOperandsLast(withUnderscores(process.argv.slice(2)), program));
