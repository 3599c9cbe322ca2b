/** Suggestions for unknown option names. */
import { describe, expect, it } from 'vitest';
import { meant, OTHER_NAMES } from '../../src/base/optionNames.ts';
import { flagOf } from '../../src/base/options.ts';
import { grpoFlags, pretrainFlags } from '../../src/cli/flags/trainingFlags.ts';

const GRPO = Object.keys(grpoFlags.shape);
const PRETRAIN = Object.keys(pretrainFlags.shape);

/** Options of the other commands and of the engine's functions. */
const OF_OTHERS = [
  ...['numSamples', 'maxNewTokens', 'evalSet', 'greedy'],
  ...['axis', 'axes', 'keepDims', 'causal', 'mask', 'alibiSlopes', 'correction'],
  ...['beta1', 'beta2', 'inputs', 'shape', 'dtype'],
];

/** Fields of TRL's GRPOConfig and transformers' TrainingArguments, with the option of this project for each. */
const TRL: readonly (readonly [string, string])[] = [
  ['learning_rate', 'lr'],
  ['num_generations', 'groupSize'],
  ['beta', 'klCoef'],
  ['max_completion_length', 'maxNewTokens'],
  ['per_device_train_batch_size', 'batchSize'],
  ['max_steps', 'steps'],
  ['num_train_epochs', 'steps'],
  ['num_iterations', 'epochs'],
  ['steps_per_generation', 'miniBatches'],
  ['gradient_accumulation_steps', 'microBatchTokens'],
  ['epsilon', 'clipRatio'],
  ['epsilon_high', 'clipRatioHigh'],
  ['delta', 'dualClip'],
  ['max_grad_norm', 'gradClip'],
  ['warmup_steps', 'warmupRatio'],
  ['lr_scheduler_type', 'scheduler'],
  ['output_dir', 'out'],
  ['loss_type', 'loss'],
  ['scale_rewards', 'advantages'],
  ['reward_funcs', 'reward'],
  ['reward_weights', 'reward'],
  ['save_steps', 'saveInterval'],
  ['save_total_limit', 'keepLast'],
  ['eval_steps', 'evalInterval'],
  ['mask_truncated_completions', 'maskTruncated'],
  ['ref_model_sync_steps', 'refSyncSteps'],
  ['report_to', 'tensorboard'],
  ['model_name_or_path', 'checkpoint'],
  ['bf16', 'matmulPrecision'],
  ['data_seed', 'seed'],
];

describe('meant', () => {
  it.each(TRL)("%s is TRL's name of %s, however it is spelt", (name, ours) => {
    const camel = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    for (const spelling of [name, `--${name}`, `--${name.replaceAll('_', '-')}`, camel]) {
      const said = meant(spelling, GRPO, flagOf);
      expect(said?.startsWith(`did you mean ${flagOf(ours)}?`), said).toBe(true);
    }
  });

  it('says why there is no option for some', () => {
    expect(meant('--logging_steps', GRPO, flagOf)).toBe('leave it out: every step is logged');
    expect(meant('resume_from_checkpoint', PRETRAIN, flagOf)).toMatch(/command train resume/);
  });

  it('names an option of this command, or none', () => {
    expect(meant('eval_steps', PRETRAIN, flagOf)).toBe('did you mean --step_eval?');
    expect(meant('num_generations', PRETRAIN, flagOf)).toBeUndefined();
    expect(meant('beta', ['seed'], flagOf)).toBeUndefined();
  });

  it('finds what was mistyped, and nothing that is far off', () => {
    expect(meant('--grup_size', GRPO, flagOf)).toBe('did you mean --group_size?');
    expect(meant('--klcoef', GRPO, flagOf)).toBe('did you mean --kl_coef?');
    expect(meant('--clip_ration', GRPO, flagOf)).toBe('did you mean --clip_ratio?');
    expect(meant('batch_size', GRPO, (key) => key)).toBe('write batchSize');
    for (const name of ['zebra', 'constructor', 'toString', '__proto__', '', '--']) {
      expect(meant(name, GRPO, flagOf), name).toBeUndefined();
    }
  });

  it('knows every name once, and none that is an option of ours', () => {
    const names = OTHER_NAMES.flatMap((row) => row.names);
    expect(new Set(names).size).toBe(names.length);
    const ours = new Set([...GRPO, ...PRETRAIN].map((key) => flagOf(key).slice(2)));
    expect(names.filter((name) => ours.has(name))).toEqual([]);
  });

  it('knows for every other name an option that some command or function has, or says why there is none', () => {
    const options = new Set([...GRPO, ...PRETRAIN, ...OF_OTHERS]);
    for (const { names, ours, note } of OTHER_NAMES) {
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
      expect(ours.filter((key) => !options.has(key))).toEqual([]);
      if (ours.length === 0) expect(note).toMatch(/\w+ \w+/);
      if (note !== undefined) expect(note).toMatch(/\w+ \w+/);
    }
  });

  it('adds what to know before using ours, and prefers the likeliest that is there', () => {
    expect(meant('batch', GRPO, flagOf)).toBe(
      'did you mean --batch_size? (it counts problems, not completions)',
    );
    expect(meant('dim', ['axes'], (key) => key)).toBe('did you mean axes?');
    expect(meant('dim', ['axes', 'axis'], (key) => key)).toBe('did you mean axis?');
  });

  it('asks for all that are equally near, up to three letters away, of a name that is right for the most part', () => {
    const near = (name: string, known: readonly string[]) => meant(name, known, (key) => key);
    expect(near('setp', ['step', 'sets', 'other'])).toBe('did you mean sets?');
    expect(near('stepz', ['stepa', 'stepb', 'other'])).toBe('did you mean stepa or stepb?');
    expect(near('stepa1', ['stepa', 'stepb'])).toBe('did you mean stepa?');
    expect(near('abcdefghijkl', ['abcdefghixyz'])).toBe('did you mean abcdefghixyz?');
    expect(near('abcdefghijklm', ['abcdefghiwxyz'])).toBeUndefined();
    // Three of five letters are right, which is enough; two of four are not.
    expect(near('abcde', ['abcxy'])).toBe('did you mean abcxy?');
    expect(near('abcd', ['abxy'])).toBeUndefined();
    expect(near('ABCDE', ['abcde'])).toBe('did you mean abcde?');
  });
});
