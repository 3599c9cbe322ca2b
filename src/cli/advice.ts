/**
 * Advice that names flags, for the command that prints it. Trainers advise by the flags of `train grpo`; what the command
 * at hand does not take is said to be where it is.
 */

import { flagOf } from '../base/options.ts';
import { grpoSchema } from '../grpo/options.ts';
import { pretrainSchema } from '../pretrain/options.ts';
import { flagsOf } from './flags/flags.ts';
import { grpoFlags, pretrainFlags } from './flags/trainingFlags.ts';
import { invocation } from './invocation.ts';

const FLAG = /(?<![\w-])--[a-z]\w*/g;

/** Matches the start of a quoted command line, which has flags of its own. */
const CALL = /\bnpx /;

/** A flag that every command has. */
const HELP = '--help';

/**
 * The advice, and behind it where those of its flags are that the command lacks: for the pipeline, which is `train`
 * alone, in a --config; else in a training's own command.
 * @param flags of the command that prints it.
 */
export function adviceFor(advice: string, flags: readonly string[]): string {
  const [words = ''] = advice.split(CALL);
  const named = new Set([...words.matchAll(FLAG)].map(([flag]) => flag));
  const foreign = [...named].filter((flag) => flag !== HELP && !flags.includes(flag));
  const keys = isPipeline(flags) ? foreign.flatMap(configKey) : [];
  const rest = isPipeline(flags) ? foreign.filter((flag) => configKey(flag).length === 0) : foreign;
  const inConfig = keys.length === 0 ? [] : [`in a --config: ${keys.join(', ')}`];
  const elsewhere = TRAININGS.flatMap((training) => {
    const own = rest.filter((flag) => TRAININGS.find(({ flags: all }) => all.has(flag)) === training);
    return own.length === 0 ? [] : [`${own.join(' and ')}: of ${invocation('train', [training.name])}`];
  });
  const places = [...inConfig, ...elsewhere];
  return places.length === 0 ? advice : `${advice} (${places.join('; ')})`;
}

/** The pipeline takes a config, but none of the options that its parts have. */
const isPipeline = (flags: readonly string[]): boolean =>
  flags.includes('--config') && !flags.includes('--lr');

/** The commands that train, with their flags. If both have a flag, the first is meant. */
const TRAININGS = Object.entries({ grpo: grpoFlags, pretrain: pretrainFlags }).map(([name, schema]) => ({
  name,
  flags: new Set(flagsOf(schema)),
}));

/** `grpo.maxNewTokens` of `--max_gen_len`; nothing for what the file of a pipeline cannot say. */
function configKey(flag: string): string[] {
  for (const [section, { shape }] of Object.entries({ grpo: grpoSchema, pretrain: pretrainSchema })) {
    const key = Object.keys(shape).find((each) => flagOf(each) === flag);
    if (key !== undefined) return [`${section}.${key}`];
  }
  return [];
}
